"""The search for what should not be there: a household's own values, in every form they may hide in.

Searches files and the memory of processes (Linux, /proc). Every search first plants a value and must find it, so that a
search that cannot see is an error and never a zero.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from ahocorasick_rs import BytesAhoCorasick

_CHUNK = 8 * 1024 * 1024
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$")


class BlindError(Exception):
    """A planted value was not found: this search sees nothing and proves nothing."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Where how many of the values were found; the values themselves are not repeated."""

    place: str
    count: int


def forms(value: str) -> frozenset[bytes]:
    """The forms in which a value may lie in memory or on disk.

    UTF-8, UTF-16 (both ends), JSON with escapes, hex in both cases, and base64 at each of the three offsets a value can
    have in a longer text (without the characters that depend on its neighbours).
    """
    plain = value.encode()
    found = {
        plain,
        value.encode("utf-16-le"),
        value.encode("utf-16-be"),
        json.dumps(value)[1:-1].encode(),
        plain.hex().encode(),
        plain.hex().upper().encode(),
    }
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + plain)
        inner = coded[(0, 2, 3)[offset] : len(coded) - (0, 3, 2)[(offset + len(plain)) % 3]]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(form for form in found if len(form) >= 6)


class Search:
    """A search for some values; `planted` is the one every place must show."""

    def __init__(self, values: Iterable[str], planted: str) -> None:
        named = [(value, form) for value in (*values, planted) for form in sorted(forms(value))]
        self._owners = [value for value, _ in named]
        self._automaton = BytesAhoCorasick([form for _, form in named])
        self._planted = planted

    def files(self, place: str, paths: Iterable[Path]) -> Found:
        """Search files. Raises BlindError when the planted value is in none of them."""
        return self._search(place, (chunk for path in paths for chunk in _read(path)))

    def memory(self, place: str, pid: int) -> Found:
        """Search the memory of a process: its private writable pages. Raises BlindError, PermissionError."""
        return self._search(place, _pages(pid))

    def _search(self, place: str, chunks: Iterator[bytes]) -> Found:
        found: set[str] = set()
        for chunk in chunks:
            matches = self._automaton.find_matches_as_indexes(chunk, overlapping=True)
            found |= {self._owners[number] for number, _, _ in matches}
        if self._planted not in found:
            raise BlindError(f"{place}: the planted value was not found")
        return Found(place=place, count=len(found) - 1)


def _read(path: Path) -> Iterator[bytes]:
    """A file whole: a value must not hide on the edge of two reads."""
    with suppress(FileNotFoundError):
        yield path.read_bytes()


def _pages(pid: int) -> Iterator[bytes]:
    """The private writable mappings of a process, each read in overlapping pieces."""
    overlap = 512
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
        mappings = [m for m in map(_MAPPING.match, maps.read().splitlines()) if m and m[3].startswith("rw")]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for mapping in mappings:
            start, end = int(mapping[1], 16), int(mapping[2], 16)
            for at in range(start, end, _CHUNK - overlap):
                with suppress(OSError, ValueError, OverflowError):
                    memory.seek(at)
                    yield memory.read(min(_CHUNK, end - at))


def all_files(*folders: Path) -> list[Path]:
    """Every regular file under these folders."""
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def process_ids(parent: int) -> dict[int, str]:
    """The descendants of a process, with the name of their program."""
    children: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            stat = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace")
            names[int(entry)] = stat[stat.index("(") + 1 : stat.rindex(")")]
            children.setdefault(int(stat[stat.rindex(")") + 2 :].split()[1]), []).append(int(entry))
    found: dict[int, str] = {}
    waiting = [parent]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found[child] = names[child]
            waiting.append(child)
    return found


async def ask_store(socket: Path, *command: str) -> bytes:
    """One command to the store over its socket, in its own protocol; the first 64 kB of the answer."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        parts = "".join(f"${len(part.encode())}\r\n{part}\r\n" for part in command)
        writer.write(f"*{len(command)}\r\n{parts}".encode())
        await writer.drain()
        return await reader.read(65536)
    finally:
        writer.close()
        await writer.wait_closed()
