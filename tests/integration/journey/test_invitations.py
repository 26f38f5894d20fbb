"""Invitations and text messages: they arrive, they stop in time, and whom they went to is nowhere afterwards."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from msgspec.structs import replace

from broker.errors import Problem
from broker.invitations import Messenger, send_text
from sandbox.backoffice import Created
from sandbox.browser import Browser
from sandbox.residue import forms
from sandbox.world import Message
from sessions.errors import Refused
from sessions.lifecycle import HOUR, MINUTE
from sessions.model import Session, State
from sessions.store.scripts import StoreUnavailable
from sessions.store.sessions import Opened, SessionStore
from tests.house import House, standing
from tests.integration.journey.steps import eventually, refused, session_when, watch_refusals
from tests.stores import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")
EMAIL = "anneke.vandermeulen@post.example"
NAME = "Anneke van der Meulen"
NUMBER = "+31612345678"
TYPED = "06-12 34 56 78"


@pytest.fixture
def house(fresh_house: House) -> House:
    """One for each test, with an empty inbox, store and clock."""
    return fresh_house


async def invited(house: House, email: str = EMAIL, **wishes: Any) -> Created:
    """A session whose citizen is invited by mail."""
    invitation = {"email": email, "name": NAME}
    return await house.office.create_session("bijstand", **{"household": "single", "invitation": invitation} | wishes)


async def inbox(house: House, to: str) -> list[Message]:
    """What came in for somebody, oldest first."""
    async with house.http.get(f"{house.world_url}/sandbox/inbox.json") as answer:
        messages = msgspec.json.decode(await answer.read(), type=list[Message])
    return [message for message in messages[::-1] if message.to == to]


async def arrived(house: House, count: int, to: str = EMAIL) -> list[Message]:
    """The messages to somebody, once there are so many."""

    async def there() -> bool:
        return len(await inbox(house, to)) >= count

    await eventually(there)
    return await inbox(house, to)


async def everything_before_is_done(house: House) -> None:
    """What was due when this is called was carried out: a mail that was queued later has arrived."""
    probe = f"probe-{house.offset:.0f}@post.example"
    await invited(house, probe)
    await arrived(house, 1, probe)


def header(message: Message, name: str) -> str:
    """The one header of this name."""
    (value,) = [value for found, value in message.headers if found == name]
    return value


def link_in(message: Message) -> str:
    """The address behind the button."""
    (link,) = re.findall(r'href="([^"]+)"', message.html)
    assert link in message.text
    return link


def values(store: Store) -> bytes:
    """Every key and value in the store, as it can be read there."""
    client, found = store.nodes[0].client, list[Any]()
    for name in client.scan_iter(count=1000):
        match client.type(name):
            case b"hash":
                found += [part for item in client.hgetall(name).items() for part in item]
            case b"zset":
                found += client.zrange(name, 0, -1)
            case b"string":
                found.append(client.get(name))
            case other:
                raise AssertionError(other)
        found.append(name)
    return b"\n".join(found)


def holds(store: Store, *secrets: str) -> list[str]:
    """Which of these can be read in the store, in any form."""
    content = values(store)
    return [secret for secret in secrets if any(form in content for form in forms(secret))]


async def stored(house: House, session_id: str) -> Session:
    return (await house.parts.sessions.read(session_id)).session


async def opened(house: House) -> tuple[Opened, Browser]:
    """A session whose start page was used: a phone is to be found."""
    created, browser = await house.opened()
    return await house.parts.sessions.read(created.id), browser


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_an_invitation_arrives_and_its_link_works(house: House, language: str) -> None:
    """In the session's language, from the sender of the settings, with who asks and why; its button leads to the start
    page, and the provider sees that it went out.
    """
    created = await invited(house, language=language, reference="dossier-77")
    (mail,) = await arrived(house, 1)
    assert header(mail, "From") == '"Ophaalbrug (oefening)" <post@zandbak.example>'
    assert (header(mail, "To"), header(mail, "Auto-Submitted")) == (EMAIL, "auto-generated")
    assert header(mail, "Content-Language") == language
    assert header(mail, "Message-ID").endswith("@zandbak.example>")
    who, why = ("Gemeente Zandbak", "Bijzondere bijstand") if language == "nl" else ("Sandbox", "Special assistance")
    for shown in (mail.text, mail.html):
        assert all(words in shown for words in (who, why, NAME, f"{house.url}/"))
        assert not [word for word in ("dossier-77", created.id) if word in shown.replace(link_in(mail), "")]
    assert link_in(mail) == created.journey_url
    browser = Browser(link_in(mail), house.http)
    assert (await browser.open()).status == "created"
    assert (await browser.start()).status == "opened"
    assert (await house.office.read(created.id)).invitation == "sent"


async def test_a_repeated_request_invites_once(house: House) -> None:
    """The same Idempotency-Key gives the same session, and no second mail; for somebody else it is refused."""
    first = await invited(house, idempotency_key="dossier-1")
    assert await invited(house, idempotency_key="dossier-1") == first
    with refused("idempotency-mismatch"):
        await invited(house, "somebody.else@post.example", idempotency_key="dossier-1")
    await everything_before_is_done(house)
    assert len(await inbox(house, EMAIL)) == 1


async def test_reminders_come_and_end(house: House, single_store: Store) -> None:
    """After 24, 48 and 66 hours, each a mail of its own; after the third the address is gone and nothing waits."""
    created = await invited(house)
    await arrived(house, 1)
    sealed = (await stored(house, created.id)).contact
    assert sealed is not None
    for count, hours in enumerate((24, 48, 66), 2):
        await house.pass_time(hours * HOUR - MINUTE - house.offset)
        await everything_before_is_done(house)
        assert len(await inbox(house, EMAIL)) == count - 1
        await house.pass_time(2 * MINUTE)
        await arrived(house, count)
    mails = await inbox(house, EMAIL)
    assert len({header(mail, "Message-ID") for mail in mails}) == 4
    assert len({link_in(mail) for mail in mails}) == 1
    assert [mail.subject.startswith("Herinnering") for mail in mails] == [False, True, True, True]
    after = await session_when(house, created.id, lambda session: session.contact is None)
    assert (after.state, after.invitation) == (State.CREATED, "sent")
    await eventually(lambda: _nothing_waits(single_store, f"mail:{created.id}"))
    assert sealed not in values(single_store)


async def _nothing_waits(store: Store, effect: str) -> bool:
    client = store.nodes[0].client
    return client.zscore("{p0}:outbox", effect) is None and not client.exists(f"{{p0}}:effect:{effect}")


async def test_the_address_goes_in_the_step_of_the_start(house: House, single_store: Store) -> None:
    """Until somebody starts it lies sealed in the session; from the start on it lies nowhere, and no reminder comes."""
    created = await invited(house)
    await arrived(house, 1)
    sealed = (await stored(house, created.id)).contact
    assert sealed is not None
    assert sealed in values(single_store)
    assert holds(single_store, EMAIL, NAME) == []
    await Browser(created.journey_url, house.http).start()
    assert sealed not in values(single_store)
    await house.pass_time(25 * HOUR)
    await everything_before_is_done(house)
    assert len(await inbox(house, EMAIL)) == 1


async def test_a_stop_counts_and_destroys_the_address(house: House, single_store: Store) -> None:
    """Ended before anybody started: the signed receipt has its class, and the waiting reminder goes along."""
    created = await invited(house)
    await session_when(house, created.id, lambda session: session.invitation == "sent")
    sealed = (await stored(house, created.id)).contact
    await house.office.cancel(created.id)
    receipt = await house.office.check_receipt(str((await house.office.receipts(created.id)).purge_receipt))
    assert receipt["destroyed"]["contacts"] == 1
    assert await _nothing_waits(single_store, f"mail:{created.id}")
    assert sealed is not None
    assert sealed not in values(single_store)


async def test_a_mail_server_that_is_down_is_waited_for(house: House) -> None:
    """The invitation is tried again until the server takes it; meanwhile the provider sees that it waits."""
    await house.fault("mail", "down")
    created = await invited(house)

    async def tried() -> bool:
        queued = await house.parts.connection.client.hget(f"{{p0}}:effect:mail:{created.id}", "e")
        return msgspec.msgpack.decode(queued)["attempts"] >= 2

    await eventually(tried)
    assert (await house.office.read(created.id)).invitation == "waiting"
    await house.fault("mail", "none")
    await house.pass_time(1)
    (mail,) = await arrived(house, 1)
    assert not mail.subject.startswith("Herinnering")
    await session_when(house, created.id, lambda session: session.invitation == "sent")


async def test_an_address_that_does_not_exist_is_given_up(house: House, single_store: Store) -> None:
    """The server's final word ends it: the provider can see so, and the address is not kept."""
    created = await invited(house, "niemand@post.example")
    after = await session_when(house, created.id, lambda session: session.invitation == "failed")
    assert after.contact is None
    await eventually(lambda: _nothing_waits(single_store, f"mail:{created.id}"))
    assert (await house.office.read(created.id)).invitation == "failed"
    assert (await Browser(created.journey_url, house.http).start()).status == "opened"  # the link is still good


async def test_looking_uses_nothing_up(house: House) -> None:
    """A mail scanner follows the link, as often as it likes, as a browser or not: the citizen comes after it."""
    created = await invited(house)
    (mail,) = await arrived(house, 1)
    before = await stored(house, created.id)
    for accept in ("*/*", "text/html", "application/json"):
        async with house.http.get(link_in(mail), headers={"Accept": accept}) as answer:
            assert answer.status == 200
    after = await session_when(house, created.id, lambda session: session.invitation == "sent")
    assert replace(after, mailed_at=None, invitation=None) == replace(before, mailed_at=None, invitation=None)
    assert (await Browser(link_in(mail), house.http).start()).status == "opened"


@pytest.mark.parametrize(
    "invitation",
    [
        {"email": "a@b.nl\r\nBcc: c@d.nl"},
        {"email": "a@b.nl, c@d.nl"},
        {"email": "x" * 250 + "@b.nl"},
        {"email": EMAIL, "name": "A\r\nBcc: c@d.nl"},
        {"email": EMAIL, "name": "A\u202eB"},
        {"email": EMAIL, "name": "A" * 101},
        {"email": EMAIL, "phone": "06"},
        {"name": "A"},
        EMAIL,
    ],
)
async def test_what_is_no_invitation_is_refused(shared_house: House, invitation: Any) -> None:
    """With the field that is wrong and without its value; no session is made."""
    before = (await shared_house.office.list()).sessions
    with refused("invalid-request") as raised:
        await shared_house.office.create_session("bijstand", invitation=invitation)
    (reason,) = raised.value.errors
    assert reason.startswith("invitation: ")
    assert not [secret for secret in (EMAIL, "Bcc", "@") if secret in reason]
    assert (await shared_house.office.list()).sessions == before


async def test_a_name_can_bring_no_markup(house: House) -> None:
    """It is shown as it was typed, in the greeting and nowhere else."""
    name = "<img src=x onerror=alert(1)> & Zn."
    await invited(house, invitation={"email": EMAIL, "name": name})
    (mail,) = await arrived(house, 1)
    assert f"Beste {name}," in mail.text
    assert "Beste &lt;img src=x onerror=alert(1)&gt; &amp; Zn.," in mail.html
    assert "<img" not in mail.html


async def test_the_inbox_shows_mails_as_a_mail_program_does(house: House) -> None:
    """In the pretend world one can read what came, and click on the button."""
    created = await invited(house)
    (mail,) = await arrived(house, 1)
    async with house.http.get(f"{house.world_url}/sandbox/inbox") as answer:
        assert f'<a href="/sandbox/mail/{mail.number}">' in await answer.text()
    async with house.http.get(f"{house.world_url}/sandbox/mail/{mail.number}") as answer:
        assert f'href="{created.journey_url}"' in await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    async with house.http.get(f"{house.world_url}/sandbox/mail/999") as answer:
        assert answer.status == 404


async def test_a_mail_after_a_crash_is_the_same_mail(house: House) -> None:
    """The server took it, and the worker died before it could write that down: it goes again, under the same id."""
    await house.fault("mail", "down")
    created = await invited(house)
    (claim,) = [
        claim
        for claim in await house.parts.work.claim(0, house.now() + 3600, 3600, 10)
        if claim.queued.effect.kind == "mail"
    ]
    await house.fault("mail", "none")
    with pytest.raises(StoreUnavailable):
        await Messenger(replace(house.parts, sessions=_Dying(house.parts.connection))).mail(claim)
    await Messenger(house.parts).mail(claim)
    mails = await arrived(house, 2)
    assert len(mails) == 2
    assert len({header(mail, "Message-ID") for mail in mails}) == 1
    assert (await house.office.read(created.id)).invitation == "sent"


class _Dying(SessionStore):
    """A store that is lost when something is to be written."""

    async def move(self, *_: Any, **__: Any) -> Opened:
        raise StoreUnavailable


async def test_a_text_message_brings_the_bare_address(house: House, single_store: Store) -> None:
    """To a Dutch mobile number, in the session's language, without token, link or reference; then the number goes."""
    session, _ = await opened(house)
    await send_text(house.parts, session, TYPED)
    (message,) = await arrived(house, 1, NUMBER)
    assert message.text == f"Ophaalbrug: open {house.url}/phone op deze telefoon en scan dan de QR-code op je computer."
    await eventually(lambda: _nothing_waits(single_store, f"sms:{session.session.id}:1"))
    assert holds(single_store, NUMBER, "612345678", TYPED) == []


async def test_two_text_messages_in_a_session(house: House) -> None:
    """The second is another message, to whichever number; a third is refused, as are those before and after."""
    session, browser = await opened(house)
    after = await send_text(house.parts, session, TYPED)
    await send_text(house.parts, after, "06 87654321")
    await arrived(house, 1, NUMBER)
    await arrived(house, 1, "+31687654321")
    with pytest.raises(Refused, match="too-many-texts"):
        await send_text(house.parts, await house.parts.sessions.read(session.session.id), TYPED)
    await browser.stop()
    created = await house.office.create_session("bijstand", household="single")
    for session_id, code in ((session.session.id, "session-ended"), (created.id, "wrong-state")):
        with pytest.raises(Refused, match=code):
            await send_text(house.parts, await house.parts.sessions.read(session_id), TYPED)


@pytest.mark.parametrize("typed", ["+49 1512 3456789", "020 1234567", "0900 1234", "061", EMAIL])
async def test_other_numbers_get_no_message(shared_house: House, typed: str) -> None:
    """Abroad, landlines, paid numbers and what is no number: refused without repeating it; it counts for nothing."""
    session, _ = await opened(shared_house)
    with pytest.raises(Problem, match="invalid-request") as raised:
        await send_text(shared_house.parts, session, typed)
    assert typed not in "".join(raised.value.errors)
    assert (await stored(shared_house, session.session.id)).texts_sent == 0


async def test_a_number_waits_sealed_and_ten_minutes_at_most(house: House, single_store: Store) -> None:
    """While the gateway is down it is tried again; after ten minutes it is forgotten unsent."""
    await house.fault("sms", "down")
    session, _ = await opened(house)
    await send_text(house.parts, session, TYPED)
    effect = f"sms:{session.session.id}:1"
    assert not await _nothing_waits(single_store, effect)
    assert holds(single_store, NUMBER, "612345678") == []
    await house.pass_time(10 * MINUTE)
    await eventually(lambda: _nothing_waits(single_store, effect))
    await house.fault("sms", "none")
    await everything_before_is_done(house)
    assert await inbox(house, NUMBER) == []


async def test_a_gateway_that_comes_back_gets_the_message(house: House, single_store: Store) -> None:
    """Within the ten minutes nothing is lost."""
    await house.fault("sms", "down")
    session, _ = await opened(house)
    await send_text(house.parts, session, TYPED)
    await house.fault("sms", "none")
    assert len(await arrived(house, 1, NUMBER)) == 1
    await eventually(lambda: _nothing_waits(single_store, f"sms:{session.session.id}:1"))


async def test_a_rejected_number_is_forgotten_at_once(house: House, single_store: Store) -> None:
    """The gateway's verdict on a number would be the same next time."""
    session, _ = await opened(house)
    await send_text(house.parts, session, "06 12345404")
    await eventually(lambda: _nothing_waits(single_store, f"sms:{session.session.id}:1"))
    assert await inbox(house, "+31612345404") == []


async def test_the_end_takes_a_waiting_number_along(house: House, single_store: Store) -> None:
    """Stopping purges in one step, also what was still to be sent."""
    await house.fault("sms", "down")
    session, browser = await opened(house)
    after = await send_text(house.parts, session, TYPED)
    await send_text(house.parts, after, "06 87654321")
    await browser.stop()
    for number in (1, 2):
        assert await _nothing_waits(single_store, f"sms:{session.session.id}:{number}")


@pytest_asyncio.fixture(loop_scope="module")
async def silent_house(tmp_path: Path, single_store: Store) -> AsyncGenerator[House]:
    """A house without a mail server and without a gateway."""
    settings = {"OPHAALBRUG_MAIL": "null", "OPHAALBRUG_SMS": "null"}
    async with standing(tmp_path, single_store.url, settings=settings) as built:
        watch_refusals(built)
        yield built


async def test_without_mail_nobody_is_promised_one(silent_house: House) -> None:
    """An invitation is refused with the reason, a text message too; everything else goes as before."""
    with refused("invalid-request") as raised:
        await invited(silent_house)
    assert raised.value.errors == ("invitation: this broker sends no mail",)
    session, _ = await opened(silent_house)
    assert (await silent_house.office.read(session.session.id)).invitation is None
    with pytest.raises(Problem) as problem:
        await send_text(silent_house.parts, session, TYPED)
    assert problem.value.errors == ("number: this broker sends no text messages",)


async def test_logs_say_what_was_sent_and_never_to_whom(
    tmp_path: Path, single_store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every line of a house that sent, failed and gave up: kind and outcome, no address, number, name or link."""
    async with standing(tmp_path, single_store.url, settings={"OPHAALBRUG_LOG_LEVEL": "debug"}) as house:
        created = await invited(house)
        await arrived(house, 1)
        gone = await invited(house, "niemand@post.example")
        await session_when(house, gone.id, lambda session: session.invitation == "failed")
        session, _ = await opened(house)
        await send_text(house.parts, session, TYPED)
        await arrived(house, 1, NUMBER)
        await house.fault("sms", "down")
        await send_text(house.parts, await house.parts.sessions.read(session.session.id), TYPED)
        await house.pass_time(1)
        await house.fault("sms", "none")
        await arrived(house, 2, NUMBER)
        async with house.http.get(f"{house.url}/metrics") as answer:
            metrics = await answer.text()
    logged = capfd.readouterr().err
    lines = [msgspec.json.decode(line) for line in logged.splitlines()]
    told = {(line["event"], line.get("type"), line.get("outcome")) for line in lines}
    assert {
        ("message.sent", "invitation", "accepted"),
        ("message.not_sent", "invitation", "gone"),
        ("message.sent", "text", "accepted"),
    } <= told
    personal = [EMAIL, "niemand", "post.example", "Anneke", "612345678", "12 34 56 78", created.journey_url[-22:]]
    assert not [value for value in personal if value in logged + metrics]
    assert re.search(r'ophaalbrug_messages_total\{kind="invitation",outcome="gone"\} \d', metrics)
