"""Files read by real processes: what they may use, how they end, and that none is left behind.

The source is a package of the tests' own, installed in an environment of its own: it does with the process what a file
could make a library do.
"""

from __future__ import annotations

import asyncio
import os
import resource
import site
import sys
import venv
import zlib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from connectors.contract import DocumentRefused
from connectors.documents import DocumentReader, DocumentSettings, Reading
from tests.unit.connectors.documents.files import (
    NOW,
    authority,
    deflated_zeros,
    locked,
    many_pages,
    one_page,
    pdf,
    sealed,
    stream,
    with_script,
)

PROBE = """
import ctypes, os, signal, sys

from connectors.contract import Absent, DocumentRefused, Label, Login, Manifest
from schemas.records import Finding, SourceRecords


def read(document):
    if document.media_type == "application/pdf":
        return said(*(line for page in document.pages for line in page))
    do, _, argument = document.content.decode().strip('{" }').partition(" ")
    return globals()[do](argument)


def said(*texts):
    return SourceRecords(findings=tuple(Finding(kind="source-note", code="probe", text=text) for text in texts))


def surroundings(_):
    descriptors = sorted(os.listdir("/proc/self/fd"), key=int)
    leads = os.getsid(0) == os.getpid()
    return said(repr(sorted(os.environ)), os.getcwd(), ",".join(descriptors), " ".join(sys.argv[1:]), str(leads))


def announce(path):
    with open(path, "w") as pipe:
        pipe.write(str(os.getpid()))


def loop(path):
    if path:
        announce(path)
    while True:
        pass


def wait(path):
    if path:
        announce(path)
    signal.pause()


def eat(_):
    kept = []
    while True:
        kept.append(bytearray(10_000_000))


def nest(depth):
    return nest(depth)


def crash(_):
    ctypes.string_at(0)


def leave(_):
    os._exit(3)


def write(path):
    with open(path, "wb") as file:
        file.write(b"x")
    return said("written")


def speak(_):
    return said("x" * 5_000_000)


def refuse(reason):
    raise DocumentRefused(reason)


class Probe:
    manifest = Manifest(
        id="proef", label=Label(nl="x", en="x"), categories=("debts",), fields=("debt.other",), login=Login(),
        transports=("upload",),
    )
    settings_type = dict
    read = staticmethod(read)

    def __init__(self, settings):
        pass

    async def collect(self, context):
        return Absent()

    def hosts(self):
        return frozenset()
"""
FLATE = b"/Filter /FlateDecode"
# What the children of a test may take beyond an ordinary file; loading the code takes about half a second of its own.
CPU_SECONDS = 0.75


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment that has all that this one has, and the source `proef`."""
    folder = tmp_path_factory.mktemp("proef")
    package = folder / "package"
    metadata = package / "proef-1.0.dist-info"
    metadata.mkdir(parents=True)
    (package / "proef.py").write_text(PROBE, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: proef\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[ophaalbrug.connectors]\nproef = proef:Probe\n", encoding="utf-8")
    venv.create(folder / "environment", symlinks=True)
    (packages,) = (folder / "environment" / "lib").glob("python*/site-packages")
    here = "".join(f"site.addsitedir({path!r});" for path in site.getsitepackages())
    (packages / "here.pth").write_text(f"{package}\nimport site;{here}\n", encoding="utf-8")
    return str(folder / "environment" / "bin" / "python")


@pytest.fixture
def reader(python: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DocumentReader]:
    """Makes readers whose processes know the source `proef`."""
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setenv("OPHAALBRUG_SECRET", "niet voor kinderen")

    def make(**settings: Any) -> DocumentReader:
        settings.setdefault("wall_seconds", 60)
        return DocumentReader(DocumentSettings(**settings))

    return make


def ask(do: str) -> bytes:
    """A file that has the source do something."""
    return msgspec.json.encode({do: ""}).replace(b'":""', b'"')


def texts(reading: Reading) -> list[str | None]:
    """What the source said."""
    return [finding.text for finding in reading.records.findings]


async def refusal(reader: DocumentReader, content: bytes) -> str:
    """The reason for which the file is not read; no process is left of it."""
    with pytest.raises(DocumentRefused) as refused:
        await reader.read("proef", content, NOW)
    assert children() == []
    return refused.value.reason


def children() -> list[str]:
    """The processes that any thread of this one started to read a file and that are still there, zombies among them.

    Other tests' stores are children too, and stay.
    """
    started: list[str] = []
    for file in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError):  # that thread has ended
            started += file.read_text(encoding="ascii").split()
    return [pid for pid in started if not _is_store(pid)]


def _is_store(pid: str) -> bool:
    """Whether a process is another test's store, or gone already; a zombie says nothing of itself."""
    try:
        return b"valkey" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def spent() -> float:
    """Processor time of all processes that ended so far, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def ordinary() -> list[float]:
    """Processor time of reading an ordinary file, in seconds, each time that it was measured."""
    return []


@pytest.fixture(scope="module")
def original() -> bytes:
    """A file with a seal; made outside of any event loop, which the signing needs for itself."""
    return sealed(pdf("Loon 3.250,00", "BSN: 999993653"))


async def test_a_file_is_read(original: bytes, reader: Callable[..., DocumentReader], tmp_path: Path) -> None:
    """Its lines, what kind it is, its digest and size, its seal, and the numbers in it."""
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority().pem)
    content = original
    reading = await reader(trust_file=str(roots)).read("proef", content, NOW)
    assert texts(reading) == ["Loon 3.250,00", "BSN: 999993653"]
    assert (reading.media_type, reading.size_bytes, reading.seal) == ("application/pdf", len(content), "valid")
    assert (reading.bsns, reading.may_hold_bsn) == (("999993653",), True)
    untrusting = await reader().read("proef", content, NOW)
    assert untrusting.seal is None
    assert untrusting.digest == reading.digest
    another = await reader(trust_file=str(roots), signers={"proef": ("Iemand Anders",)}).read("proef", content, NOW)
    assert another.seal == "invalid"
    assert children() == []


async def test_its_process_has_nothing_of_its_parent(reader: Callable[..., DocumentReader]) -> None:
    """No environment, no working directory, no open files but its pipes, no arguments, and a session of its own."""
    environment, folder, descriptors, arguments, leads = texts(await reader().read("proef", ask("surroundings"), NOW))
    assert environment in ("[]", "['LC_CTYPE']")  # which Python sets by itself (PEP 538)
    assert folder == "/"
    assert descriptors == "0,1,2,3"  # the last is the folder that is being listed
    assert arguments == ""
    assert leads == "True"


@pytest.mark.parametrize(
    ("do", "settings", "reason"),
    [
        ("loop", {}, "too-slow"),
        ("wait", {"wall_seconds": 5}, "too-slow"),
        ("eat", {}, "too-slow"),
        ("speak", {}, "too-slow"),
        ("nest", {}, "damaged"),
        ("crash", {}, "damaged"),
        ("leave", {}, "damaged"),
        ("refuse version", {}, "version"),
    ],
)
async def test_whatever_a_file_makes_of_its_process_is_a_reason(
    reader: Callable[..., DocumentReader], do: str, settings: dict[str, Any], reason: str
) -> None:
    """Time, memory and words beyond the limits, endless depth, a crash, a silent end: each within its limit."""
    before = spent()
    assert await refusal(reader(**settings), ask(do)) == reason
    assert spent() - before < 2.0


async def test_its_process_writes_no_file(reader: Callable[..., DocumentReader], tmp_path: Path) -> None:
    """Not a byte of a citizen's file reaches a disk."""
    file = tmp_path / "kept"
    assert await refusal(reader(), ask(f"write {file}")) == "damaged"
    assert file.read_bytes() == b""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (many_pages(10_000), "too-many-pages"),
        (one_page(stream(deflated_zeros(1), FLATE)), "too-slow"),
        (one_page(stream(zlib.compress(deflated_zeros(1)), b"/Filter [/FlateDecode /FlateDecode]")), "too-slow"),
        (one_page(stream(zlib.compress(b"BT (x) Tj ET\n" * 250_000), FLATE)), "too-slow"),
        (one_page(stream(b"x"), catalogue=b"/X " + b"[" * 1_000_000), "damaged"),
        (one_page(stream(bytes(range(256)) * 30_000, FLATE)), "too-slow"),
        (locked(pdf("x"), "geheim"), "encrypted"),
        (with_script(pdf("x")), "not-supported"),
        (pdf("x")[:500], "damaged"),
        (b'{"a":' * 1_000_000, "damaged"),
    ],
    ids=["pages", "gigabyte", "twice deflated", "operations", "depth", "no deflate", "locked", "script", "cut", "json"],
)
async def test_a_hostile_file_costs_under_a_second(
    reader: Callable[..., DocumentReader], ordinary: list[float], content: bytes, reason: str
) -> None:
    """Of processor time, beyond what any file costs."""
    taking = reader()
    before = spent()
    assert await refusal(taking, content) == reason
    cost = spent() - before
    if not ordinary or cost - ordinary[-1] >= CPU_SECONDS:  # not known yet, or of when the machine was less busy
        before = spent()
        await taking.read("proef", pdf("x"), NOW)
        ordinary.append(spent() - before)
    assert cost - ordinary[-1] < CPU_SECONDS


async def test_what_can_be_seen_from_outside_starts_no_process(
    reader: Callable[..., DocumentReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven megabytes, a picture, entities: there is nothing to start here, and nothing was missed."""
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    taking = reader()
    assert await refusal(taking, b"%PDF-1.7" + bytes(11_000_000)) == "too-large"
    assert await refusal(taking, b"\x89PNG\r\n\x1a\n" + bytes(1000)) == "not-supported"
    assert (
        await refusal(taking, b'<!DOCTYPE o [<!ENTITY x SYSTEM "file:///etc/hostname">]><o>&x;</o>') == "not-supported"
    )


async def test_a_process_that_cannot_start_is_our_fault(
    reader: Callable[..., DocumentReader], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken installation must not tell citizens that their files are damaged."""
    venv.create(tmp_path / "empty", symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "empty" / "bin" / "python"))
    with pytest.raises(RuntimeError, match="cannot do its work"):
        await reader().read("proef", pdf("x"), NOW)
    assert children() == []


async def test_files_wait_their_turn(reader: Callable[..., DocumentReader], tmp_path: Path) -> None:
    """With one process at a time the second file starts when the first is gone, and waits no longer than it may."""
    taking = reader(processes=1)
    first, pid = await reading(taking, tmp_path)
    second = asyncio.create_task(taking.read("proef", ask("refuse version"), NOW))
    first.cancel()
    with pytest.raises(DocumentRefused, match="version"):
        await second
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert children() == []


async def test_waiting_has_an_end(reader: Callable[..., DocumentReader]) -> None:
    """A file waits for its turn as long as one may take: five together end with the first two, not one by one."""
    hurried = reader(processes=1, wall_seconds=3)
    began = asyncio.get_running_loop().time()
    files = (hurried.read("proef", ask("wait"), NOW) for _ in range(5))
    outcomes = await asyncio.gather(*files, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["too-slow"] * 5
    assert asyncio.get_running_loop().time() - began < 5 * 3
    assert children() == []


async def reading(taking: DocumentReader, folder: Path) -> tuple[asyncio.Task[Reading], int]:
    """A file that is being read without end, and the process that reads it."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    task = asyncio.create_task(taking.read("proef", ask(f"wait {pipe}"), NOW))
    return task, int(await asyncio.to_thread(pipe.read_text, "ascii"))


def test_nobody_waits_and_nothing_is_left(reader: Callable[..., DocumentReader], tmp_path: Path) -> None:
    """Who goes away takes the process along, on the event loop of the broker too."""

    async def cancelled() -> None:
        task, pid = await reading(reader(), tmp_path)
        assert children() == [str(pid)]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    on(uvloop.new_event_loop, cancelled())
    (tmp_path / "pipe").unlink()
    on(asyncio.new_event_loop, cancelled())
    assert children() == []


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_it_can_be_given_up_at_any_moment(
    reader: Callable[..., DocumentReader], loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """At each of the first steps of the event loop, the start of the process among them."""

    async def given_up(steps: int) -> None:
        task = asyncio.create_task(reader().read("proef", ask("loop") + b" " * 1_000_000, NOW))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert children() == []

    for steps in (0, 1, 2, 3, 4, 5, 8, 13, 50):
        on(loop, given_up(steps))


def on(loop: Callable[[], asyncio.AbstractEventLoop], work: Coroutine[Any, Any, None]) -> None:
    """Run it on a loop of this kind."""
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work)
