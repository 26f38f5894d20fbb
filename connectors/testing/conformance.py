"""The class a connector's author derives a test from: the cases go in, the checks come out.

Owns which checks there are. What a good connector is stands in `verdicts`; how it is run, in `runs`.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import Absent, Connector, Failed, Field, Outcome
from connectors.testing.damage import damaged
from connectors.testing.documents import CANARY
from connectors.testing.drift import Survey
from connectors.testing.exchanges import Case, Exchange, kind_of
from connectors.testing.runs import Person, Run, made, run
from connectors.testing.snapshots import UPDATE, snapshot_faults
from connectors.testing.source import Manner, Source, running
from connectors.testing.verdicts import (
    incomplete,
    manifest_faults,
    outcome_faults,
    run_faults,
    settings_faults,
)

_IMPATIENT_SECONDS = 0.25
_ODD_STATUSES = (204, 301, 400, 401, 403, 404, 405, 408, 418, 429, 500, 502, 503, 504)
_OUT_OF_ORDER = frozenset({429, 500, 502, 503, 504})
_HEALTH_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
_PAGE = f"<!doctype html><title>{CANARY}</title>".encode()


class ConnectorConformance:
    """Derive `class TestYours(ConnectorConformance)` and fill in what stands here; every `test_…` below then runs."""

    connector: ClassVar[type[Connector]]
    """The class under test."""
    cases: ClassVar[tuple[Case, ...]]
    """What was recorded. At least one that is found, and one that is absent unless `never_absent` says why not."""
    bsn: ClassVar[str] = "999990019"
    """Whom the recordings are about."""
    other_bsn: ClassVar[str] = "999990160"
    """Somebody else, who occurs in no recording."""
    now: ClassVar[datetime] = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    """When it is in every run."""
    absent_statuses: ClassVar[frozenset[int]] = frozenset()
    """The HTTP statuses with which this source says that it has nothing; often 404, often none."""
    never_absent: ClassVar[str] = ""
    """Why this source never says that it has nothing, if so."""

    def settings(self, url: str) -> Mapping[str, Any]:
        """The connector's table of settings, with `url` for every base address."""
        raise NotImplementedError

    def asked(self, exchange: Exchange) -> Iterable[str]:
        """The paths of the answer that the connector asks for in this question, for the drift report.

        `paths_of(YourStruct)` where the answer is read into one.
        """
        del exchange
        return ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that takes a `case` runs once for each of them."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", self.cases, ids=[case.name for case in self.cases])

    @pytest.fixture
    def source(self) -> Iterator[Source]:
        """The pretend source, on a real socket."""
        with running() as source:
            yield source

    def test_manifest(self) -> None:
        """It says who it is, in both languages; its fields exist and are of its categories; it keeps nobody waiting."""
        _none(manifest_faults(self.connector))

    def test_settings(self, source: Source) -> None:
        """Its table is read, a typing error in it is refused, and the door opens to what is in it and no more."""
        _none(settings_faults(self.connector, self.settings(source.url), source.url))

    def test_cases(self) -> None:
        """There is a recording of somebody the source knows, and one of somebody it does not."""
        expected = {case.expected for case in self.cases}
        assert_that("found" in expected, "no case is `found`")
        assert_that(self.never_absent or "absent" in expected, "no case is `absent`, and never_absent gives no reason")

    def test_outcome(self, source: Source, case: Case) -> None:
        """Each recording has the outcome that its author says, by the questions that were recorded, every time."""
        first, second = self._run(source, case), self._run(source, case)
        _none(self._faults(first, case))
        kind = first.outcome and kind_of(first.outcome)
        assert_that(kind == case.expected, f"{case.expected} was expected, and it is {kind}")
        _none(f"it asked what was not recorded: {one.method} {one.path}" for one in source.strange)
        _none(f"recorded, but never asked: {one.name}" for one in source.unused())
        assert_that(first.outcome == second.outcome, "the same answers gave another outcome the second time")

    def test_snapshot(self, source: Source, case: Case, request: pytest.FixtureRequest) -> None:
        """The outcome is the one that is kept beside the test, to the letter."""
        _none(self._kept(f"{case.name}.json", self._run(source, case).outcome, request))

    def test_nothing_asked(self, source: Source) -> None:
        """Where no field of it is wanted it is skipped, without a single request."""
        nothing = msgspec.structs.replace(self._found()[0], fields=frozenset[Field]())
        done = self._run(source, nothing)
        _none(self._faults(done, nothing))
        assert_that(done.outcome is not None and kind_of(done.outcome) == "skipped", "it is not skipped")
        assert_that(not source.asked, "it asked its source although nothing is wanted of it")

    def test_each_field_alone(self, source: Source) -> None:
        """It gives only what is asked for, though the source may answer more."""
        for case in self._found():
            for field in self.connector.manifest.fields:
                alone = msgspec.structs.replace(case, fields=frozenset({field}))
                _none(f"asked for {field} alone: {fault}" for fault in self._faults(self._run(source, alone), alone))

    def test_http_failures(self, source: Source) -> None:
        """A status that is no success fails, or is said to be missing; it is never an empty answer."""
        for case, index, exchange in self._exchanges():
            for status in _ODD_STATUSES:
                body = b"" if status == 204 else exchange.body
                done = self._run(source, case.with_answer(index, exchange.answering(body, status)))
                faults = self._failure_faults(done, case, status)
                _none(f"{exchange.name} answers {status}: {fault}" for fault in faults)

    def test_pages_instead_of_answers(self, source: Source) -> None:
        """A page in HTML, an empty body or a stranger's JSON with a good status is not an answer."""
        for case, index, exchange in self._exchanges():
            for body, media_type in ((_PAGE, "text/html"), (_PAGE, None), (b"", None)):
                done = self._run(source, case.with_answer(index, exchange.answering(body, 200, media_type)))
                _none(f"{exchange.name}: {fault}" for fault in self._failure_faults(done, case, None))

    def test_silence(self, source: Source) -> None:
        """No answer in time, half an answer and no HTTP at all fail as such, each request with a deadline."""
        manners: tuple[Manner, ...] = ("silent", "cut", "garbage")
        for case, _, exchange in self._exchanges():
            for manner in manners:
                done = self._broken(source, case, exchange, manner)
                _none(f"{exchange.name} is {manner}: {fault}" for fault in self._failure_faults(done, case, None))
                kind = done.outcome.kind if isinstance(done.outcome, Failed) else None
                said = f"{exchange.name} is {manner}, and it says {kind}"
                assert_that(kind in (None, "timeout", "unavailable"), said)

    def test_cancelling(self, source: Source) -> None:
        """Cancelled while any of its requests waits, it ends at once, asks nothing more and leaves nothing running."""
        for case in self._found():
            for number in range(len(self._run(source, case).attempts)):
                done = self._cancelled(source, case, number)
                faults = [*self._faults(done, case)]
                faults += [] if done.cancelled else ["it went on, or took the cancelling for something else"]
                faults += ["it asked on after it was cancelled"] if done.late_attempts else []
                _none(f"cancelled at request {number + 1}: {fault}" for fault in faults)

    def test_another_person(self, source: Source) -> None:
        """An answer about somebody else is refused, wherever it says whom it is about."""
        for case, index, exchange in self._exchanges():
            if not exchange.names_subject or self.bsn.encode() not in exchange.body:
                continue
            swapped = exchange.body.replace(self.bsn.encode(), self.other_bsn.encode())
            done = self._run(source, case.with_answer(index, exchange.answering(swapped)))
            _none(f"{exchange.name}: {fault}" for fault in self._faults(done, case))
            assert_that(incomplete(done.outcome), f"{exchange.name} is about somebody else, and is taken")
            failed_otherwise = isinstance(done.outcome, Failed) and done.outcome.kind != "wrong-person"
            assert_that(not failed_otherwise, f"{exchange.name} is about somebody else, which is not said")

    def test_odd_bytes(self, source: Source) -> None:
        """Whatever is wrong with an answer: a failure or records, no exception, no empty answer, no word of it told."""
        exchanges = list(self._exchanges())

        @settings(deadline=None, suppress_health_check=_HEALTH_CHECKS)
        @given(st.data())
        def check(data: st.DataObject) -> None:
            case, index, exchange = data.draw(st.sampled_from(exchanges), "answer")
            body = data.draw(damaged(exchange.body), "damage")
            done = self._run(source, case.with_answer(index, exchange.answering(body)))
            _none(f"{exchange.name}: {fault}" for fault in self._faults(done, case))
            assert_that(not isinstance(done.outcome, Absent), f"{exchange.name}: damage is taken for nothing there")

        check()

    def test_drift(self, source: Source, request: pytest.FixtureRequest) -> None:
        """The fields nothing is done with, and those that are asked and not there, are those that are kept."""
        survey = Survey(lambda case: self._checked(source, case))
        for case in self._found():
            survey.look(case)
            for exchange in case.exchanges:
                survey.asked(exchange, self.asked(exchange))
        _none(self._kept("drift.json", survey.report(), request))

    def _found(self) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.expected == "found")

    def _exchanges(self) -> Iterator[tuple[Case, int, Exchange]]:
        """Every exchange of the cases that are found, to be spoiled."""
        for case in self._found():
            for index, exchange in enumerate(case.exchanges):
                yield case, index, exchange

    def _run(self, source: Source, case: Case) -> Run:
        source.play(case.exchanges)
        return run(self._made(source), self._person(), self._fields(case))

    def _broken(self, source: Source, case: Case, exchange: Exchange, manner: Manner) -> Run:
        source.play(case.exchanges, lambda other, _: manner if other is exchange else "answer")
        return run(self._made(source), self._person(), self._fields(case), patience=_IMPATIENT_SECONDS)

    def _cancelled(self, source: Source, case: Case, number: int) -> Run:
        """Cancelled once request `number` has come in, which gets no answer, nor does any after it."""
        reached = threading.Event()

        def manner(_: Exchange, count: int) -> Manner:
            if count < number:
                return "answer"
            reached.set()
            return "silent"

        ended = source.play(case.exchanges, manner)
        try:
            return run(self._made(source), self._person(), self._fields(case), cancel_at=reached)
        finally:
            ended.set()

    def _checked(self, source: Source, case: Case) -> Outcome | None:
        """The outcome of a run in which nothing else may be wrong."""
        done = self._run(source, case)
        _none(self._faults(done, case))
        return done.outcome

    def _made(self, source: Source) -> Connector:
        return made(self.connector, self.settings(source.url))

    def _person(self) -> Person:
        return Person(bsn=self.bsn, level=self.connector.manifest.login.minimum_level, now=self.now)

    def _fields(self, case: Case) -> frozenset[Field]:
        return frozenset(self.connector.manifest.fields) if case.fields is None else case.fields

    def _faults(self, done: Run, case: Case) -> Iterator[str]:
        """What is wrong with a run, whichever outcome was to be expected."""
        manifest = self.connector.manifest
        yield from run_faults(done, manifest, (self.bsn, self.other_bsn, CANARY))
        if done.crash is None and not done.cancelled:
            yield from outcome_faults(done.outcome, manifest, self._fields(case))

    def _failure_faults(self, done: Run, case: Case, status: int | None) -> Iterator[str]:
        """What is wrong with a run in which one answer was none."""
        yield from self._faults(done, case)
        if status in self.absent_statuses:
            return
        if not incomplete(done.outcome):
            yield "it passes in silence: neither a failure nor a finding that something is missing"
        failed = done.outcome
        if not isinstance(failed, Failed):
            return
        if status in _OUT_OF_ORDER and (failed.kind not in ("unavailable", "timeout") or not failed.retryable):
            yield f"that is out of order for now, and it says {failed.kind}, retryable={failed.retryable}"
        if status in (401, 403) and failed.kind != "refused":
            yield f"that is a refusal, and it says {failed.kind}"

    def _kept(self, name: str, value: Any, request: pytest.FixtureRequest) -> tuple[str, ...]:
        folder = Path(inspect.getfile(type(self))).parent / "snapshots" / type(self).__name__
        update = bool(request.config.getoption(UPDATE, default=False))
        return snapshot_faults(folder / name, value, update=update)


def assert_that(good: object, fault: str) -> None:
    """Fail the test with this one sentence unless `good`."""
    if not good:
        pytest.fail(fault, pytrace=False)


def _none(faults: Iterable[str]) -> None:
    """Fail the test with all faults there are, each once."""
    found = list(dict.fromkeys(faults))
    assert_that(not found, "\n".join(found))
