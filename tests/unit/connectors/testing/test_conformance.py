"""The kit finds what it is for: a good connector passes every check, and each fault is caught by the check for it."""

from __future__ import annotations

import asyncio
import inspect
import logging  # noqa: TID251 - as a connector of somebody else might
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.contract import Context, Found, Label, Outcome, Skipped, SourceError
from connectors.outbound import Answer, OutboundError
from connectors.testing import Case, Exchange
from connectors.testing.source import Source, running
from schemas.records import Finding, SourceRecords
from tests.unit.connectors.testing.ledger import BSN, FOUND, NONE, Conformance, Ledger, Overview, of

LOANS, NOTHING = Conformance.cases


@pytest.fixture
def source() -> Iterator[Source]:
    """What the class's own fixture gives."""
    with running() as made:
        yield made


def caught(check: Callable[..., None], *args: Any) -> str:
    """What the check says is wrong."""
    with pytest.raises(pytest.fail.Exception) as failure:
        check(*args)
    return str(failure.value)


def test_a_good_connector_passes(source: Source, request: pytest.FixtureRequest) -> None:
    """Every check there is, but for the two that compare with what is kept."""
    kit = Conformance()
    for name, check in inspect.getmembers(kit, inspect.ismethod):
        if not name.startswith("test_") or name in ("test_snapshot", "test_drift"):
            continue
        needed = inspect.signature(check).parameters
        for case in kit.cases if "case" in needed else (LOANS,):
            given = {"source": source, "case": case, "request": request}
            check(**{parameter: given[parameter] for parameter in needed})


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"id": "Ledger!"}, "id matches"),
        ({"label": Label(nl="Schuldenboek", en=" ")}, "English label"),
        ({"label": Label(nl="Schuldenboek van heel Nederland en omstreken", en="Ledger")}, "Dutch label"),
        ({"categories": ("incomes",)}, "its fields are of the categories debts; it names incomes"),
        ({"fields": ("debt.other", "debt.other")}, "named twice"),
        ({"timeout_seconds": 500.0}, "timeout_seconds is not between"),
    ],
    ids=str,
)
def test_manifest(changed: dict[str, Any], fault: str) -> None:
    """What is wrong with a manifest is said."""
    manifest = msgspec.structs.replace(Ledger.manifest, **changed)
    assert fault in caught(of(type("Worse", (Ledger,), {"manifest": manifest})).test_manifest)


def test_settings(source: Source) -> None:
    """A settings table that swallows typing errors, one that is not read, and hosts that are not in it."""

    class Loose(msgspec.Struct, frozen=True):
        url: str

    class Elsewhere(Ledger):
        def hosts(self) -> frozenset[str]:
            return frozenset({"elsewhere.example:443"})

    loose = type("Worse", (Ledger,), {"settings_type": Loose})
    assert "typing error" in caught(of(loose).test_settings, source)
    assert "elsewhere.example:443, which is not in the settings" in caught(of(Elsewhere).test_settings, source)
    unread = of(Ledger, settings=lambda _, url: {"address": url})
    assert "the settings are refused" in caught(unread.test_settings, source)
    closed = type("Worse", (Ledger,), {"hosts": lambda _: frozenset()})
    assert "let nothing out" in caught(of(closed).test_settings, source)


def test_cases() -> None:
    """Without somebody found and somebody absent the recordings prove little."""
    assert "no case is `found`" in caught(of(Ledger, cases=(NOTHING,)).test_cases)
    assert "no case is `absent`" in caught(of(Ledger, cases=(LOANS,)).test_cases)
    of(Ledger, cases=(LOANS,), never_absent="everybody has debts").test_cases()


def test_outcome(source: Source) -> None:
    """Another outcome than recorded, a question that was not, a recording that is not asked for."""
    kit = of(Ledger)
    assert "found was expected, and it is absent" in caught(
        kit.test_outcome, source, Case("x", "found", NOTHING.exchanges)
    )
    other = (Exchange("POST", "/other", FOUND),)
    assert "asked what was not recorded: POST /loans" in caught(
        kit.test_outcome, source, Case("x", "unavailable", other)
    )
    assert "recorded, but never asked: POST /other" in caught(
        kit.test_outcome, source, Case("x", "found", (*LOANS.exchanges, *other))
    )


def test_an_outcome_that_changes(source: Source) -> None:
    """The same answers give the same outcome."""
    times: list[int] = []

    class Fickle(Ledger):
        def outcome(self, overview: Overview, context: Context) -> Outcome:
            times.append(1)
            identifier = str(len(times))
            changed = tuple(msgspec.structs.replace(loan, number=identifier) for loan in overview.loans)
            return super().outcome(msgspec.structs.replace(overview, loans=changed), context)

    assert "another outcome the second time" in caught(of(Fickle).test_outcome, source, LOANS)


@pytest.mark.parametrize(
    ("records", "fault"),
    [
        (SourceRecords(), "Found without a record"),
        (SourceRecords(findings=(Finding(kind="odd", code="x"),)), "do not come back from JSON"),  # type: ignore[arg-type]
    ],
    ids=["empty", "types"],
)
def test_records_that_are_none(source: Source, records: SourceRecords, fault: str) -> None:
    """Found holds something, and what it holds is what its types say."""

    class Hollow(Ledger):
        def outcome(self, overview: Overview, context: Context) -> Outcome:
            return Found(records=records)

    assert fault in caught(of(Hollow).test_outcome, source, LOANS)


def test_outcomes_that_are_none(source: Source) -> None:
    """None is no outcome, and the reason of a skip is a word for programs."""

    class Silent(Ledger):
        def outcome(self, overview: Overview, context: Context) -> Outcome:
            return None  # type: ignore[return-value]

    class Chatty(Ledger):
        async def collect(self, context: Context) -> Outcome:
            return Skipped(reason="Nobody wants it!")

    assert "no outcome of the contract" in caught(of(Silent).test_outcome, source, LOANS)
    assert "the reason of Skipped" in caught(of(Chatty).test_nothing_asked, source)


def test_another_source_in_the_records(source: Source) -> None:
    """A record comes from the source that was asked."""

    class Borrowed(Ledger):
        def outcome(self, overview: Overview, context: Context) -> Outcome:
            found = super().outcome(overview, context)
            text = msgspec.json.encode(found).replace(b'"source":"ledger"', b'"source":"uwv"')
            return msgspec.json.decode(text, type=Found)

    assert "comes from another source" in caught(of(Borrowed).test_outcome, source, LOANS)


def test_more_than_is_asked(source: Source) -> None:
    """A request although nothing is wanted, and records of a kind that was not."""

    class Eager(Ledger):
        async def collect(self, context: Context) -> Outcome:
            wanted = frozenset(self.manifest.fields)
            return await super().collect(msgspec.structs.replace(context, fields=wanted))

    assert "although nothing is wanted" in caught(
        of(type("Worse", (Eager,), {"outcome": lambda *_: Skipped(reason="no-field-asked")})).test_nothing_asked, source
    )
    fields = ("debt.other", "income.benefit")
    manifest = msgspec.structs.replace(Ledger.manifest, categories=("debts", "incomes"), fields=fields)
    greedy = type("Worse", (Eager,), {"manifest": manifest})
    assert "asked for income.benefit alone: it gives debts" in caught(of(greedy).test_each_field_alone, source)


@pytest.mark.parametrize("status", [500, 404, 204])
def test_a_failure_that_passes_for_nothing(source: Source, status: int) -> None:
    """An error is no empty answer, whichever error it is taken for one."""

    class Hopeful(Ledger):
        def read(self, answer: Answer, bsn: str) -> Overview:
            return Overview(bsn, ()) if answer.status == status else super().read(answer, bsn)

    assert f"POST /loans answers {status}: it passes in silence" in caught(of(Hopeful).test_http_failures, source)


def test_a_status_that_means_absent(source: Source) -> None:
    """What the author declares to mean that there is nothing may mean it."""

    class Plain(Ledger):
        def read(self, answer: Answer, bsn: str) -> Overview:
            return Overview(bsn, ()) if answer.status == 404 else super().read(answer, bsn)

    of(Plain, absent_statuses=frozenset({404})).test_http_failures(source)


def test_the_wrong_kind_of_failure(source: Source) -> None:
    """Out of order can be tried again; a refusal is one; no answer in time is no refusal."""

    class Final(Ledger):
        def read(self, answer: Answer, bsn: str) -> Overview:
            if answer.status != 200:
                raise SourceError("refused", "status", retryable=False)
            return super().read(answer, bsn)

    class Hazy(Ledger):
        def read(self, answer: Answer, bsn: str) -> Overview:
            if answer.status != 200:
                raise SourceError("unavailable", "status")
            return super().read(answer, bsn)

    class Blunt(Ledger):
        async def ask(self, context: Context) -> Answer:
            try:
                return await super().ask(context)
            except OutboundError:
                raise SourceError("refused", "no answer") from None

    assert "out of order for now, and it says refused" in caught(of(Final).test_http_failures, source)
    assert "that is a refusal, and it says unavailable" in caught(of(Hazy).test_http_failures, source)
    assert "is silent, and it says refused" in caught(of(Blunt).test_silence, source)


def test_a_page_that_passes_for_nothing(source: Source) -> None:
    """A good status is not yet an answer."""

    class Gullible(Ledger):
        def read(self, answer: Answer, bsn: str) -> Overview:
            return super().read(answer, bsn) if answer.body.startswith(b"{") else Overview(bsn, ())

    assert "it passes in silence" in caught(of(Gullible).test_pages_instead_of_answers, source)


def test_cancelling(source: Source) -> None:
    """Going on, asking on and leaving something running are each caught."""

    class Stubborn(Ledger):
        async def ask(self, context: Context) -> Answer:
            try:
                return await super().ask(context)
            except asyncio.CancelledError:
                raise SourceError("unavailable", "cancelled") from None

    class Insisting(Ledger):
        async def ask(self, context: Context) -> Answer:
            try:
                return await super().ask(context)
            except asyncio.CancelledError:
                await context.door.request("GET", f"{self.settings.url}/again", timeout_seconds=0.01)
                raise

    class Shielding(Ledger):
        async def ask(self, context: Context) -> Answer:
            return await asyncio.shield(asyncio.ensure_future(super().ask(context)))

    assert "cancelled at request 1: it went on" in caught(of(Stubborn).test_cancelling, source)
    assert "it asked on after it was cancelled" in caught(of(Insisting).test_cancelling, source)
    assert "it left tasks running" in caught(of(Shielding).test_cancelling, source)


def test_somebody_elses_answer(source: Source) -> None:
    """Taken without a look, or refused for another reason than that."""

    class Trusting(Ledger):
        def read(self, answer: Answer, bsn: str) -> Overview:
            return super().read(answer, "999990160" if b"999990160" in answer.body else bsn)

    class Vague(Ledger):
        def read(self, answer: Answer, bsn: str) -> Overview:
            if b"999990160" in answer.body:
                raise SourceError("unreadable", "odd")
            return super().read(answer, bsn)

    assert "is about somebody else, and is taken" in caught(of(Trusting).test_another_person, source)
    assert "which is not said" in caught(of(Vague).test_another_person, source)
    case = Case("loans", "found", (Exchange("POST", "/loans", FOUND, names_subject=False),))
    of(Trusting, cases=(case, NOTHING)).test_another_person(source)


def raw(answer: Answer) -> dict[str, Any]:
    """As somebody in a hurry reads it."""
    try:
        return msgspec.json.decode(answer.body)
    except Exception:
        raise SourceError("unreadable", "no JSON") from None


class Hurried(Ledger):
    """Reads without a schema, so that odd types break it."""

    def read(self, answer: Answer, bsn: str) -> Overview:
        super_status = Answer(status=answer.status, headers={}, body=NONE)
        super().read(super_status, bsn)
        found = raw(answer)
        return msgspec.convert({"bsn": bsn, "loans": found["loans"]}, Overview)


class Quoting(Ledger):
    """Says what it could not read."""

    def read(self, answer: Answer, bsn: str) -> Overview:
        try:
            return super().read(answer, bsn)
        except SourceError as error:
            raise SourceError(error.failed.kind, answer.body.decode("utf-8", "replace")) from None


class Logging(Ledger):
    """Logs what it could not read."""

    def read(self, answer: Answer, bsn: str) -> Overview:
        try:
            return super().read(answer, bsn)
        except SourceError:
            logging.getLogger("ledger").info("cannot read %s", answer.body)
            raise


class Lenient(Ledger):
    """Takes what it cannot read for nothing."""

    def read(self, answer: Answer, bsn: str) -> Overview:
        try:
            return super().read(answer, bsn)
        except SourceError as error:
            if error.failed.kind == "unreadable":
                return Overview(bsn, ())
            raise


@pytest.mark.parametrize(
    ("connector", "fault"),
    [
        (Hurried, "it raised what the contract does not know"),
        (Quoting, "personal data in"),
        (Logging, "personal data in a log, a print or the text of an exception"),
        (Lenient, "damage is taken for nothing there"),
    ],
)
def test_odd_bytes(source: Source, connector: type[Ledger], fault: str) -> None:
    """An exception, a quotation in a detail or a log, and an empty answer made of damage are all found."""
    assert fault in caught(of(connector).test_odd_bytes, source)


def test_personal_data_said_aloud(source: Source) -> None:
    """The BSN in an address, in what the phone is told, or printed."""

    class Addressing(Ledger):
        async def ask(self, context: Context) -> Answer:
            return await context.door.request("POST", f"{self.settings.url}/loans?bsn={context.subject.bsn}")

    class Telling(Ledger):
        async def ask(self, context: Context) -> Answer:
            await context.progress(context.subject.bsn)
            return await super().ask(context)

    class Printing(Ledger):
        async def ask(self, context: Context) -> Answer:
            print(context.subject)
            return await super().ask(context)

    assert "personal data in the address of a request" in caught(of(Addressing).test_outcome, source, LOANS)
    told = caught(of(Telling).test_outcome, source, LOANS)
    assert "personal data in what it tells progress()" in told
    assert "something else than the name of a part" in told
    printed = caught(of(Printing).test_outcome, source, LOANS)
    assert "personal data in a log, a print or the text of an exception" in printed
    assert BSN not in told + printed


def test_ways_past_the_door(source: Source, tmp_path: Path) -> None:
    """A host that is not declared, a socket of its own, and a file."""

    class Wandering(Ledger):
        async def ask(self, context: Context) -> Answer:
            with pytest.raises(OutboundError):
                await context.door.request("GET", "http://127.0.0.1:9/")
            return await super().ask(context)

    class Digging(Ledger):
        async def ask(self, context: Context) -> Answer:
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname()).close()
            return await super().ask(context)

    class Keeping(Ledger):
        def read(self, answer: Answer, bsn: str) -> Overview:
            with tempfile.TemporaryFile(dir=tmp_path) as file:
                file.write(answer.body)
            (tmp_path / "answer").write_bytes(answer.body)
            return super().read(answer, bsn)

    assert "a host that hosts() does not name" in caught(of(Wandering).test_outcome, source, LOANS)
    assert "it connected past the door" in caught(of(Digging).test_outcome, source, LOANS)
    assert "it wrote a file" in caught(of(Keeping).test_outcome, source, LOANS)


def test_endless_patience(source: Source) -> None:
    """A request's deadline lies within the connector's own."""

    class Patient(Ledger):
        async def ask(self, context: Context) -> Answer:
            body = msgspec.json.encode({"bsn": context.subject.bsn})
            url = f"{self.settings.url}/loans"
            return await context.door.request("POST", url, body=body, timeout_seconds=31.0)

    assert "longer than the manifest's timeout_seconds" in caught(of(Patient).test_outcome, source, LOANS)


def test_a_task_that_nobody_awaits(source: Source) -> None:
    """What goes wrong beside the answer goes wrong too."""

    class Careless(Ledger):
        async def ask(self, context: Context) -> Answer:
            async def fail() -> None:
                raise KeyError("loans")

            asyncio.ensure_future(fail())  # noqa: RUF006 - that is the fault
            return await super().ask(context)

    assert "KeyError" in caught(of(Careless).test_outcome, source, LOANS)


class Asked:
    """A request of pytest's in which the snapshots are to be kept, or not."""

    def __init__(self, *, update: bool) -> None:
        self.config = self
        self._update = update

    def getoption(self, name: str, default: bool) -> bool:
        assert (name, default) == ("--update-snapshots", False)
        return self._update


def test_snapshots(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent at first, kept when told to, then compared to the letter."""
    monkeypatch.setattr(inspect, "getfile", lambda _: str(tmp_path / "test_ledger.py"))
    kit = of(Ledger)
    assert "there is no loans.json yet" in caught(kit.test_snapshot, source, LOANS, Asked(update=False))
    kit.test_snapshot(source, LOANS, Asked(update=True))  # type: ignore[arg-type]
    kit.test_snapshot(source, LOANS, Asked(update=False))  # type: ignore[arg-type]
    changed = Case("loans", "found", (Exchange("POST", "/loans", FOUND.replace(b"12.5", b"13.5")),))
    difference = caught(kit.test_snapshot, source, changed, Asked(update=False))
    assert '-          "amount": "12.5",\n+          "amount": "13.5",' in difference


def test_drift(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unread, missing, and taken for nothing when it is gone: each is in the report, and a change of it is a fault."""
    monkeypatch.setattr(inspect, "getfile", lambda _: str(tmp_path / "test_ledger.py"))

    class Optional(Ledger):
        def read(self, answer: Answer, bsn: str) -> Overview:
            body = answer.body if b'"loans"' in answer.body else NONE
            return super().read(msgspec.structs.replace(answer, body=body), bsn)

    kit = of(Optional, asked=lambda *_: ("loans", "loans[].rate"))
    kit.test_drift(source, Asked(update=True))  # type: ignore[arg-type]
    kit.test_drift(source, Asked(update=False))  # type: ignore[arg-type]
    report = msgspec.json.decode((tmp_path / "snapshots" / "Worse" / "drift.json").read_bytes())
    assert report == {"POST /loans": {"unread": ["name"], "missing": ["loans[].rate"], "silentWithout": ["loans"]}}
    moved = FOUND.replace(b'"name"', b'"fullName"')
    moved_kit = of(Optional, cases=(Case("loans", "found", (Exchange("POST", "/loans", moved),)),))
    assert '+      "fullName"' in caught(moved_kit.test_drift, source, Asked(update=False))
