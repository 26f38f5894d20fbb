"""Ends and limits: whatever ends a session empties it, and time alone ends what nobody else does."""

from __future__ import annotations

import json
from typing import Literal

import pytest

from broker.telemetry import session_ref, set_up
from sandbox.answers import ApiError
from sandbox.backoffice import Created
from sandbox.browser import Browser
from sandbox.citizen import collect
from sandbox.phone import Phone
from sandbox.stage import SOURCES
from sessions.errors import Refused
from sessions.lifecycle import DAY, HOUR, MINUTE
from sessions.model import Pairing, Session, State
from tests.house import House
from tests.integration.journey.steps import eventually, keys, refuse_data, refused, session_when, tried
from tests.stores import Store

Who = Literal["pc", "phone", "provider"]

# What may be in the store after the end: the tombstone, marks, queues and lists. No vault, no payload, no typed code.
_KINDS = {"session", "deliveries", "deadlines", "outbox", "effect", "request", "proof", "idempotency"}
_STOPS: list[tuple[State, Who]] = [
    (State.CREATED, "provider"),
    *((state, who) for state in (State.OPENED, State.PAIRING) for who in ("pc", "provider")),
    *((state, who) for state in (State.COLLECTING, State.CONSENTED) for who in ("pc", "phone", "provider")),
]


async def _brought_to(house: House, state: State) -> tuple[Created, Browser, Phone]:
    """A session in this state; when it is consented the payload waits for a provider who does not take it."""
    created = await house.office.create_session("bijstand", household="single", reference="dossier-8")
    browser, phone = Browser(created.journey_url, house.http), house.phone()
    if state is State.CREATED:
        return created, browser, phone
    await browser.start()
    await browser.show_token(typed=True)
    if state is State.OPENED:
        return created, browser, phone
    paired = await phone.pair(token=(await browser.show_token()).url)
    if state is State.PAIRING:
        return created, browser, phone
    await browser.type_code(paired.pairing_code)
    if state is State.COLLECTING:
        await tried(phone, "applicant", "uwv", "single")
        return created, browser, phone
    refuse_data(house)
    await collect(phone, "applicant", "single", SOURCES)
    await phone.consent("applicant", await phone.review())
    return created, browser, phone


def _kinds(store: Store) -> set[str]:
    """The kinds of keys in the partition of every session."""
    return {name.decode().split(":")[1] for name in keys(store, "{p*}*")}


async def _is_empty(house: House, store: Store, session_id: str) -> None:
    """What is left of a session is its tombstone, and the store holds no collected data of anybody."""
    left = (await house.parts.sessions.read(session_id)).session
    assert _kinds(store) <= _KINDS
    for gone in ("browser", "attempt_at", "payload_digest", "payload_id"):
        assert getattr(left, gone) is None
    for emptied in (left.former_browsers, left.phones, left.people, left.records, left.consents):
        assert not emptied
    assert (left.pairing, left.partner_pairing) == (Pairing(), Pairing())
    receipt = await house.office.check_receipt(str(left.purge_receipt))
    assert (receipt["sessionId"], receipt["state"], receipt["reason"]) == (session_id, left.state, left.reason)


@pytest.mark.parametrize(("state", "who"), _STOPS)
async def test_stop_at_any_moment_destroys_everything(
    house: House, single_store: Store, state: State, who: Who
) -> None:
    """Citizen (on PC or phone) and provider may stop in every state: cancelled, purged, and told to the provider.

    A citizen who stops once everything was sent takes consent back: the provider must hear that, not just of a stop.
    """
    created, browser, phone = await _brought_to(house, state)
    if who == "pc":
        assert (await browser.stop()).status == "cancelled"
    elif who == "phone":
        assert (await phone.stop()).status == "cancelled"
    else:
        assert (await house.office.cancel(created.id)).status == "cancelled"
    await _is_empty(house, single_store, created.id)
    seen = await house.office.read(created.id)
    taken_back = state is State.CONSENTED and who != "provider"
    reason = "provider" if who == "provider" else "withdrawn" if taken_back else "citizen"
    assert (seen.status, seen.reason) == ("cancelled", reason)
    notice = "withdrawn" if taken_back else "cancelled"
    assert (await house.office.wait_for(notice, created.id)).purge_receipt is not None
    assert not [event for event in house.office.received if event.kind == "data" and event.accepted]


@pytest.mark.parametrize("who", ["pc", "phone", "provider"])
async def test_a_stop_is_counted_and_told_once(house: House, who: Who, capfd: pytest.CaptureFixture[str]) -> None:
    """The numbers and the log tell of the sessions that were stopped, not how often somebody asked for it."""
    created, browser, phone = await _brought_to(house, State.COLLECTING)
    before = await _cancelled(house)
    set_up("info", "json")
    if who == "phone":
        await phone.stop()
        with refused("session-ended"):
            await phone.stop()
    for _ in range(2):
        await (house.office.cancel(created.id) if who == "provider" else browser.stop())
    assert await _cancelled(house) == before + 1
    (line,) = (line for line in capfd.readouterr().err.splitlines() if '"session.stopped"' in line)
    told = json.loads(line)
    assert told["session_ref"] == session_ref(created.id)
    assert (told["state"], told["reason"]) == ("cancelled", "provider" if who == "provider" else "citizen")


async def _cancelled(house: House) -> float:
    """How many sessions this process says it saw cancelled."""
    async with house.http.get(f"{house.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(
        float(line.split()[1]) for line in lines if line.startswith('ophaalbrug_sessions_total{state="cancelled"}')
    )


async def test_delivered_means_empty_too(house: House, single_store: Store) -> None:
    """After the acknowledgement only the tombstone is left, with the counts of what was destroyed."""
    created, _, phone = await house.collected()
    await phone.consent("applicant", await phone.review())
    await house.office.wait_for("delivered", created.id)
    await _is_empty(house, single_store, created.id)
    left = (await house.parts.sessions.read(created.id)).session
    # Four answers, the identity proven for each of them, and the receipt that was sealed to the phone.
    assert {name: left.counts[name] for name in ("vaultRecords", "vaultKeys", "phones", "payloads", "consents")} == {
        "vaultRecords": 9,
        "vaultKeys": 1,
        "phones": 1,
        "payloads": 1,
        "consents": 1,
    }


async def test_an_hour_without_the_phone_ends_the_attempt(house: House, single_store: Store) -> None:
    """After an hour without a request the vault is emptied and the page back at its QR; the household answer stays."""
    created = await house.office.create_session("bijstand", household="ask")
    browser = Browser(created.journey_url, house.http)
    await browser.start("couple")
    phone, paired = await house.scanned(browser)
    await browser.type_code(paired.pairing_code)
    await tried(phone, "applicant", "uwv", "married-couple")
    await house.pass_time(59 * MINUTE)
    assert (await phone.session()).status == "collecting"
    await house.pass_time(HOUR + 1)
    view = await browser.wait_for(lambda view: view.status == "opened")
    assert (view.partner, view.persons) == ("with", {})
    assert "vault" not in _kinds(single_store)
    with refused("wrong-secret"):
        await phone.session()
    fresh, paired = await house.scanned(browser)
    await browser.type_code(paired.pairing_code)
    assert {*(await fresh.session()).persons} == {"applicant", "partner"}


async def test_more_time_gives_another_hour(house: House) -> None:
    """ "Meer tijd" says until when the attempt now runs, and it does."""
    created, _, phone = await house.linked()
    await house.pass_time(55 * MINUTE)
    until = (await phone.extend()).timestamp()
    assert until == pytest.approx(house.now() + HOUR, abs=30)
    await house.pass_time(55 * MINUTE)
    assert (await phone.session()).status == "collecting"
    await phone.stop()
    with refused("session-ended"):
        await phone.extend()
    assert (await house.office.read(created.id)).status == "cancelled"


async def test_an_attempt_takes_a_day_at_most(house: House) -> None:
    """However busy the phone is, after 24 hours the attempt ends and can be begun again in place."""
    created, browser, phone = await house.linked()
    for _ in range(28):
        await house.pass_time(51 * MINUTE)
        assert (await phone.session()).status == "collecting"
    ends_at = (await phone.session()).attempt_ends_at
    assert ends_at is not None
    assert ends_at.timestamp() < house.now() + 13 * MINUTE
    await house.pass_time(13 * MINUTE)
    await browser.wait_for(lambda view: view.status == "opened")
    assert (await house.office.read(created.id)).status == "opened"


@pytest.mark.parametrize("state", [State.CREATED, State.OPENED])
async def test_a_session_nobody_goes_on_with_expires(house: House, single_store: Store, state: State) -> None:
    """Without a linked phone the session is over after 72 hours: expired, told, and not to be started any more."""
    created, browser, phone = await _brought_to(house, state)
    shown = (await browser.show_token()).url if state is State.OPENED else ""
    await house.pass_time(72 * HOUR + 1)
    await session_when(house, created.id, lambda session: session.state is State.EXPIRED)
    await _is_empty(house, single_store, created.id)
    await house.office.wait_for("expired", created.id)
    with refused("session-ended"):
        await browser.start()
    if shown:
        with refused("session-ended"):
            await phone.pair(token=shown)


async def test_a_running_attempt_may_finish(house: House) -> None:
    """Who linked a phone before the session's end goes on after it; an attempt that then fails is not begun again."""
    created, browser = await house.opened()
    await house.pass_time(72 * HOUR - 60)
    phone, paired = await house.scanned(browser)
    await browser.type_code(paired.pairing_code)
    await house.pass_time(30 * MINUTE)
    await collect(phone, "applicant", "single", SOURCES)
    assert (await phone.review()).ready
    await house.pass_time(HOUR + 1)
    await session_when(house, created.id, lambda session: session.state is State.EXPIRED)


async def test_a_payload_nobody_takes_is_destroyed(house: House, single_store: Store) -> None:
    """After 76 hours without an acknowledgement the payload is purged and called undelivered."""
    created, browser, _ = await _brought_to(house, State.CONSENTED)
    await house.pass_time(76 * HOUR - 60)
    assert (await browser.status()).status == "consented"
    assert await house.parts.sessions.payload(created.id) is not None
    await house.pass_time(61)
    await session_when(house, created.id, lambda session: session.state is State.UNDELIVERED)
    await _is_empty(house, single_store, created.id)
    assert (await house.office.wait_for("undelivered", created.id)).purge_receipt is not None
    with refused("session-ended"):
        await house.office.pull_payload(created.id)


async def test_after_thirty_days_nothing_is_left(house: House, single_store: Store) -> None:
    """The tombstone goes after thirty days, from the provider's list too: the id occurs nowhere any more."""
    created, _, phone = await house.collected(reference="dossier-9")
    await phone.consent("applicant", await phone.review())
    await house.office.wait_for("delivered", created.id)
    await house.pass_time(DAY + 1)
    await session_when(house, created.id, lambda session: not session.closing_secrets)
    await house.pass_time(28 * DAY)
    assert [listed.id for listed in (await house.office.list(reference="dossier-9")).sessions] == [created.id]
    await house.pass_time(DAY)
    await eventually(lambda: _is_forgotten(house, created.id))
    with refused("unknown-session"):
        await house.office.read(created.id)
    for wishes in ({}, {"reference": "dossier-9"}, {"status": "delivered"}):
        assert (await house.office.list(**wishes)).sessions == ()
    client, left = single_store.nodes[0].client, keys(single_store)
    marks = [name for name in left if b":request:" in name or b":idempotency:" in name]  # each with an end of its own
    assert all(client.pttl(name) > 0 for name in marks)
    assert not [n for n in left if n not in marks and created.id.encode() in n + (client.dump(n) or b"")]


async def _is_forgotten(house: House, session_id: str) -> bool:
    """Whether session and list entry are gone."""
    try:
        await house.parts.sessions.read(session_id)
    except Refused:
        return not (await house.office.list()).sessions
    return False


async def test_what_ended_stays_ended(house: House) -> None:
    """After the end every way on is refused, on each surface, and stopping again changes nothing."""
    created, browser, phone = await _brought_to(house, State.COLLECTING)
    await phone.stop()
    before: Session = (await house.parts.sessions.read(created.id)).session
    for act in (browser.start, browser.show_token, browser.restart, phone.review, phone.partner_token, phone.stop):
        with refused("session-ended"):
            await act()
    assert (await browser.stop()).status == "cancelled"
    with pytest.raises(ApiError):
        await house.office.pull_payload(created.id)
    assert (await house.parts.sessions.read(created.id)).session == before
