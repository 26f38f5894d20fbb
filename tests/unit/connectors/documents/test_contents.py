"""One file, from bytes to what it says, with sources of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
import pytest
from pypdf.errors import LimitReachedError

from connectors import registry as registered
from connectors.contract import Absent, Context, Document, DocumentRefused, Label, Login, Manifest, MediaType
from connectors.documents.contents import told
from connectors.documents.exchange import Refused, Task, Told
from connectors.registry import Registry
from schemas.records import Finding, SourceRecords
from tests.unit.connectors.documents.files import NOW, appended, pdf, sealed
from tests.unit.connectors.documents.test_seal import authority, root

NOTE = SourceRecords(findings=(Finding(kind="source-note", code="seen"),))


def task(content: bytes, media_type: MediaType = "application/pdf", **other: Any) -> Task:
    """A task for the source `proef` without tight limits."""
    return msgspec.structs.replace(
        Task(
            source="proef",
            media_type=media_type,
            content=content,
            now=NOW,
            trust=(root(authority()),),
            signers=(),
            max_pages=10,
            cpu_seconds=60,
            wall_seconds=60,
            memory_bytes=1_000_000_000,
        ),
        **other,
    )


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Document], SourceRecords]], None]:
    """Makes the source `proef` read like this; there is one more, `zonder`, that reads nothing."""

    def install(read: Callable[[Document], SourceRecords]) -> None:
        registry = Registry()
        registry.register(source("proef", read))
        registry.register(source("zonder", None))
        monkeypatch.setattr(registered, "default_registry", lambda: registry)

    return install


def source(id_: str, reads: Callable[[Document], SourceRecords] | None) -> type[Any]:
    """A source that answers nothing."""

    class Source:
        manifest: ClassVar[Manifest] = Manifest(
            id=id_, label=Label(nl="x", en="x"), categories=("debts",), fields=("debt.other",), login=Login()
        )
        settings_type = dict

        def __init__(self, settings: dict[str, str]) -> None:
            self.settings = settings

        async def collect(self, context: Context) -> Absent:
            return Absent()

        def hosts(self) -> frozenset[str]:
            return frozenset()

    if reads is not None:
        Source.read = staticmethod(reads)  # type: ignore[attr-defined]
    return Source


def test_a_source_reads_its_own_files(reads: Any) -> None:
    """It is given the kind, the bytes and the lines; what it says comes back with what the file is."""
    given: list[Document] = []

    def read(document: Document) -> SourceRecords:
        given.append(document)
        return NOTE

    reads(read)
    content = sealed(pdf("BSN 999993653", "Loon"))
    assert told(task(content)) == Told(records=NOTE, seal="valid", bsns=("999993653",), may_hold_bsn=True)
    assert given == [Document(media_type="application/pdf", content=content, pages=(("BSN 999993653", "Loon"),))]


@pytest.mark.parametrize(
    ("content", "media_type", "bsns"),
    [
        (b'{"bsn": "999993653"}', "application/json", ("999993653",)),
        ("<o><bsn>999993653</bsn></o>".encode("utf-16"), "application/xml", ("999993653",)),
        (b'{"relatie": "x"}', "application/json", ()),
    ],
)
def test_data_files_have_no_pages_and_no_seal(
    reads: Any, content: bytes, media_type: MediaType, bsns: tuple[str, ...]
) -> None:
    """Their numbers are found in their text, also where that is of sixteen bits."""
    given: list[Document] = []
    reads(lambda document: given.append(document) or NOTE)
    expected = Told(records=NOTE, seal="none", bsns=bsns, may_hold_bsn=bool(bsns))
    assert told(task(content, media_type)) == expected
    assert given == [Document(media_type=media_type, content=content)]


def test_seals_need_somebody_to_trust(reads: Any) -> None:
    """Without trusted certificates a seal is not judged; without a seal there is none to judge."""
    reads(lambda _: NOTE)

    def seal(content: bytes, **other: Any) -> str | None:
        said = told(task(content, **other))
        assert isinstance(said, Told)
        return said.seal

    content = sealed(pdf("x"))
    assert seal(content, trust=()) is None
    assert seal(content, signers=("Iemand Anders",)) == "invalid"
    assert seal(appended(content)) == "invalid"
    assert seal(pdf("x")) == "none"
    assert seal(pdf("x"), trust=()) == "none"


@pytest.mark.parametrize("id_", ["zonder", "onbekend"])
def test_a_source_without_downloads_takes_none(reads: Any, id_: str) -> None:
    """And so does one that is not there."""
    reads(lambda _: NOTE)
    assert told(task(b"{}", "application/json", source=id_)) == Refused(reason="not-supported")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DocumentRefused("version"), "version"),
        (DocumentRefused("other-document"), "other-document"),
        (LimitReachedError("x"), "too-slow"),
        (MemoryError(), "too-slow"),
        (RecursionError(), "damaged"),
        (ValueError("999993653"), "damaged"),
        (KeyError("x"), "damaged"),
    ],
)
def test_whatever_goes_wrong_is_a_reason(reads: Any, error: Exception, reason: str) -> None:
    """Of the closed list: nothing an exception says of the file goes with it."""

    def read(document: Document) -> SourceRecords:
        raise error

    reads(read)
    assert told(task(b"{}", "application/json")) == Refused(reason=reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(pdf("x", pages=11), "too-many-pages"), (b"%PDF-1.7\nx", "damaged"), (pdf("x")[:300], "damaged")],
)
def test_a_file_that_cannot_be_opened_is_not_read(reads: Any, content: bytes, reason: str) -> None:
    """The source never sees it."""
    reads(lambda _: pytest.fail("read"))
    assert told(task(content)) == Refused(reason=reason)  # type: ignore[arg-type]
