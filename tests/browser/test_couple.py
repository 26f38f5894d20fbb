"""The main journey: two adults, a PC and one phone, from the invitation to the receipt."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.browser.people import AtPc, WithPhone, at_qr
from tests.browser.scene import Scene

APPLICANT, PARTNER = "married-couple", "married-couple-partner"
TODO = ("todo", "todo", "todo", "todo")
DONE = ("done", "done", "done", "done")


async def test_a_couple_on_one_phone(scene: Scene) -> None:
    """Invitation, start, QR from the screen, four sources for each adult, a look, two consents, delivered and gone."""
    created = await scene.begun(household="ask", reference="dossier-7")
    pc = AtPc(scene, await scene.window("desktop"))
    phone = WithPhone(scene, await scene.window("phone"))

    await pc.go_to_qr("couple")
    await phone.opens(await pc.qr())
    await phone.sees_title("phone.confirm.title", provider=scene.provider("nl"))
    await pc.sees_title("pc.code.title")
    await pc.hears("pc.code.status")
    await pc.type_code(await phone.accept())
    await pc.sees_title("pc.progress.title")
    await phone.sees_title("phone.ophalen.empty")
    await pc.sees_progress("applicant", *TODO)

    await phone.collect_all("applicant", APPLICANT)
    await pc.sees_progress("applicant", *DONE)
    await pc.hears("pc.progress.status", done=4, all=8)
    await phone.press("phone.partner.here")
    await phone.reads("phone.partner_here.both_see")
    await phone.collect_all("partner", PARTNER)
    await pc.sees_progress("partner", *DONE)

    await phone.go_to("bekijken")
    await phone.reads("review.category.persons")
    await phone.go_to("verzenden")
    await phone.consent("applicant")
    await phone.reads("phone.consent.given")
    await phone.consent("partner")
    await phone.sees_title("phone.end.delivered.title")
    await pc.sees_title("pc.end.delivered.title")

    received = await scene.house.office.wait_for("data", created.id)
    assert received.reference == "dossier-7"
    assert received.payload is not None
    counts = {name: len(received.payload[name]) for name in ("incomes", "pensions", "possessions", "debts", "consents")}
    assert counts == {"incomes": 4, "pensions": 6, "possessions": 3, "debts": 1, "consents": 2}
    assert len(received.payload["household"]["persons"]) == 5


async def test_the_token_of_the_qr_code_never_reaches_an_address_bar(scene: Scene) -> None:
    """It rides in the fragment, is taken out of the history at once, and is sent in no address."""
    pc, phone = await at_qr(scene)
    address = await pc.qr()
    token = urlsplit(address).fragment
    assert token
    await phone.opens(address)
    await phone.on_screen("confirm")
    assert urlsplit(phone.page.url).fragment == ""
    assert not [asked for asked in phone.window.watch.addresses if token in asked]
