"""The guide's inbox: everything or nothing, once, and no data of a session that was taken back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ophaalbrug_provider import Arrival, Event, Latest, Opened
from ophaalbrug_provider.receiving import WITHOUT_DATA
from tests.unit.test_guides import block, run_python


@pytest.fixture
def inbox(tmp_path: Path) -> Any:
    """The class as it stands in the guide, on a file of its own."""
    return run_python(block("toolkit", "inbox.py"))["SqliteInbox"](str(tmp_path / "inbox.sqlite"))


def arrival(kind: str, sequence: int, *documents: bytes, maybe_received: bool = False) -> Arrival:
    """An event of session `s`; data bring a payload and documents."""
    facts: dict[str, Any] = {"session_id": "s", "sequence": sequence, "maybe_received": maybe_received}
    event = Event(id=f"evt_{kind}", kind=kind, type=kind, source="urn:x", time="t", **facts)
    opened = Opened(session_id="s", payload={"a": 1}, digest="0", documents=(), consent_digests={})
    return Arrival(event=event, payload=opened if kind == "data" else None, documents=documents)


def held(inbox: Any) -> tuple[list[str | None], int]:
    """The payloads it holds, by sequence, and how many documents."""
    with closing(sqlite3.connect(inbox.path)) as database:
        payloads = [row[0] for row in database.execute("SELECT payload FROM events ORDER BY sequence")]
        return payloads, database.execute("SELECT count(*) FROM documents").fetchone()[0]


def test_what_comes_twice_is_kept_once(inbox: Any) -> None:
    """And is known afterwards, with the newest event of its session."""
    for _ in range(2):
        inbox.keep(arrival("data", 2, b"one", b"two"))
    assert held(inbox) == (['{"a": 1}'], 2)
    assert (inbox.knows("evt_data"), inbox.knows("evt_other")) == (True, False)
    inbox.keep(arrival("opened", 1))
    assert (inbox.latest("s"), inbox.latest("t")) == (Latest(sequence=2, kind="data"), None)


@pytest.mark.parametrize(("kind", "maybe_received"), [("withdrawn", False), ("withdrawn", True), ("cancelled", True)])
def test_nothing_of_a_session_that_was_taken_back_stays(inbox: Any, kind: str, maybe_received: bool) -> None:
    """Also when it was we who cancelled."""
    inbox.keep(arrival("data", 1, b"one"))
    inbox.keep(arrival(kind, 2, maybe_received=maybe_received))
    assert held(inbox) == ([None, None], 0)
    assert inbox.latest("s") == Latest(sequence=2, kind=kind)


@pytest.mark.parametrize("kind", WITHOUT_DATA)
def test_no_data_are_kept_after_an_end(inbox: Any, kind: str) -> None:
    """It came while they were fetched."""
    inbox.keep(arrival(kind, 2))
    inbox.keep(arrival("data", 1, b"one"))
    assert held(inbox) == ([None], 0)


@pytest.mark.parametrize("kind", ["delivered", "undelivered"])
def test_what_we_have_and_may_have_stays(inbox: Any, kind: str) -> None:
    """The broker heard that we have it, or never did: consent stands."""
    inbox.keep(arrival("data", 1, b"one"))
    inbox.keep(arrival(kind, 2))
    assert held(inbox) == (['{"a": 1}', None], 1)


def test_what_is_kept_survives_a_power_cut(inbox: Any) -> None:
    """A journal that is deleted is gone only when its folder is synced: EXTRA (3) does so, and FULL does not."""
    with closing(inbox.opened()) as database:
        found = [database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert found == ["delete", 3]


def test_what_cannot_be_kept_whole_is_not_kept(inbox: Any) -> None:
    """A failure half way leaves nothing: the broker sends it again."""
    with pytest.raises(sqlite3.Error):
        inbox.keep(arrival("data", 1, b"one", object()))  # pyright: ignore[reportArgumentType]
    assert held(inbox) == ([], 0)
    assert not inbox.knows("evt_data")
