"""The search for residue: it finds a value in every form it may hide in, and a search that sees nothing is an error."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.personas import HOUSEHOLDS, canaries
from sandbox.residue import BlindError, Found, Search, forms, process_ids

PLANTED = "Geplant-0123456789abcdef"
VALUES = ("Van der Öudermeulen", "999990342", "NL91ABNA0417164300", "52.318,47")
FORMS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "utf-16, little end first": lambda value: value.encode("utf-16-le"),
    "utf-16, big end first": lambda value: value.encode("utf-16-be"),
    "json": lambda value: json.dumps({"x": value}).encode(),
    "hex": lambda value: value.encode().hex().encode(),
    "hex in capitals": lambda value: value.encode().hex().upper().encode(),
}


@pytest.fixture
def search() -> Search:
    """A search for the values above."""
    return Search(VALUES, PLANTED)


def in_file(folder: Path, content: bytes) -> Path:
    """A file that holds this, and what was planted."""
    path = folder / "found"
    path.write_bytes(PLANTED.encode() + b"\n...\x00" + content + b"\xff")
    return path


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("form", list(FORMS))
def test_a_value_is_found_in_every_form(search: Search, tmp_path: Path, value: str, form: str) -> None:
    """As text in either encoding, escaped in JSON, and in hex."""
    path = in_file(tmp_path, FORMS[form](value))
    assert search.files("disk", [path]) == Found(place="disk", count=1)


@given(st.sampled_from(VALUES), st.binary(max_size=7), st.binary(max_size=7), st.booleans())
def test_a_value_is_found_inside_base64(value: str, before: bytes, after: bytes, url_safe: bool) -> None:
    """Whatever stands before and after it, so at all three offsets and ends; in both alphabets."""
    coded = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(before + value.encode() + after)
    assert any(form in coded for form in forms(value))


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_each_offset_has_a_form_of_its_own(search: Search, tmp_path: Path, offset: int) -> None:
    """The three spellings that base64 has of one value are each found in a file."""
    coded = base64.b64encode(b"?" * offset + VALUES[0].encode() + b"...")
    assert search.files("disk", [in_file(tmp_path, coded)]).count == 1


def test_amounts_are_looked_for_in_cents_and_in_dutch(tmp_path: Path) -> None:
    """A household's larger amounts are searched as cents, as a decimal and as they stand in a Dutch text."""
    wanted = canaries(HOUSEHOLDS["married-couple"])
    dutch = next(value for value in wanted if value.count(".") == 1 and "," in value)
    cents = dutch.replace(".", "").replace(",", "")
    decimal = dutch.replace(".", "").replace(",", ".")
    assert {dutch, cents, decimal} <= set(wanted)
    search = Search(wanted, PLANTED)
    for spelling in (dutch, cents, decimal):
        assert search.files("disk", [in_file(tmp_path, f"bedrag {spelling} euro".encode())]).count >= 1


def test_values_are_counted_and_not_repeated(search: Search, tmp_path: Path) -> None:
    """Two values in three places of one file are two; what was found is not told."""
    content = " ".join((VALUES[0], VALUES[1], VALUES[0])).encode()
    found = search.files("disk", [in_file(tmp_path, content)])
    assert found.count == 2
    assert not any(value in repr(found) for value in VALUES)


def test_what_is_clean_is_clean(search: Search, tmp_path: Path) -> None:
    """Nothing is found where nothing is, nor in a value that was broken off or changed."""
    almost = b" ".join(value.encode()[:-1] + b"#" for value in VALUES)
    assert search.files("disk", [in_file(tmp_path, almost), tmp_path / "absent"]).count == 0


def test_a_search_that_cannot_see_is_an_error(search: Search, tmp_path: Path) -> None:
    """Without what was planted a zero would prove nothing; a value that was found does not make up for it."""
    path = tmp_path / "blind"
    path.write_bytes(VALUES[0].encode())
    for paths in ([path], [tmp_path / "absent"], []):
        with pytest.raises(BlindError, match="disk"):
            search.files("disk", paths)


_HOLDS = """
import sys
kept = [bytes.fromhex(word)[::-1] for word in sys.stdin.readline().split()]
print(len(kept), flush=True)
sys.stdin.read()
"""


@contextmanager
def process_holding(*secrets: bytes) -> Generator[int]:
    """A process that has these in its memory, and was not told them in a readable form."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        # Backwards: straight on, its hex would itself be one of the forms that are found.
        process.stdin.write(" ".join(secret[::-1].hex() for secret in secrets) + "\n")
        assert process.stdout.readline() == f"{len(secrets)}\n"
        yield process.pid
        process.stdin.close()


def test_memory_of_a_process_is_searched(search: Search) -> None:
    """A value in the memory of a real process is found, as is that it is clean, and that the search is blind."""
    with process_holding(PLANTED.encode(), VALUES[1].encode("utf-16-le")) as pid:
        assert search.memory("child", pid) == Found(place="child", count=1)
    with process_holding(PLANTED.encode(), b"something else") as pid:
        assert search.memory("child", pid).count == 0
    with process_holding(VALUES[1].encode()) as pid, pytest.raises(BlindError, match="child"):
        search.memory("child", pid)


def test_the_descendants_of_a_process_are_found() -> None:
    """The store is a child of the service: it is searched by what its parent started."""
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    process = subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        (grandchild,) = process_ids(process.pid).items()
        assert "python" in grandchild[1]
        process.stdin.write("\n")
