"""The guide's inbox: everything or nothing, once, and no data of a session that was withdrawn."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ophaalbrug_provider import Arrival, Event, Latest, Opened
from tests.unit.test_guides import block, run_python


@pytest.fixture
def inbox(tmp_path: Path) -> Any:
    """The class as it stands in the guide, on a file of its own."""
    return run_python(block("toolkit", "inbox.py"))["SqliteInbox"](str(tmp_path / "inbox.sqlite"))


def arrival(kind: str, sequence: int, *documents: bytes) -> Arrival:
    """An event of session `s`; data bring a payload and documents."""
    event = Event(id=f"evt_{kind}", kind=kind, type=kind, source="urn:x", time="t", session_id="s", sequence=sequence)
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


@pytest.mark.parametrize("order", [("data", "withdrawn"), ("withdrawn", "data")])
def test_nothing_of_a_withdrawn_session_stays(inbox: Any, order: tuple[str, str]) -> None:
    """In whichever order the two come to be kept."""
    for kind in order:
        inbox.keep(arrival(kind, {"data": 1, "withdrawn": 2}[kind], *([b"one"] if kind == "data" else [])))
    payloads, documents = held(inbox)
    assert ([payload for payload in payloads if payload], documents) == ([], 0)
    assert inbox.latest("s") == Latest(sequence=2, kind="withdrawn")


def test_what_cannot_be_kept_whole_is_not_kept(inbox: Any) -> None:
    """A failure half way leaves nothing: the broker sends it again."""
    with pytest.raises(sqlite3.Error):
        inbox.keep(arrival("data", 1, b"one", object()))  # pyright: ignore[reportArgumentType]
    assert held(inbox) == ([], 0)
    assert not inbox.knows("evt_data")
