"""A PDF, opened: its text by page, and the words it carries beside them.

Refuses what asks a password, what has more pages than any such document, and what does more than show itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

import msgspec
from pypdf import Configuration, PageObject, PasswordType, PdfReader, apply_configuration
from pypdf.errors import FileNotDecryptedError
from pypdf.generic import DictionaryObject, IndirectObject, StreamObject

from connectors.contract import DocumentRefused

_STREAM_BYTES = 16_000_000  # unpacked: no page of text comes near
_TEXT_CHARACTERS = 2_000_000
_OBJECT_STREAMS = 2000
_ANNOTATIONS = 1000
_NODES_PER_PAGE = 3  # of the page tree, the nodes in between counted

# Scripts, programs to start, files within the file, forms that are programs, data sent elsewhere (ISO 32000-1, 12.6.4
# and 7.11.4).
_ACTIVE = re.compile(
    rb"/(?:JavaScript|Launch|EmbeddedFiles?|FileAttachment|RichMedia|Rendition|XFA|SubmitForm|ImportData)(?![A-Za-z0-9])"
    rb"|/EF\s*(?:<<|\d+\s+\d+\s+R)"
)
_SEAL = b"/ByteRange"  # stands readable in every signed file: its numbers are filled in when all else is there
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")  # any letter of a name may be written as #xx (ISO 32000-1, 7.3.5)


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of text of each page, and `beside`: titles, remarks and what is filled in, in no particular order."""

    pages: tuple[tuple[str, ...], ...]
    beside: tuple[str, ...]

    def text(self) -> str:
        """Every word of the file, lines as lines."""
        return "\n".join((*(line for page in self.pages for line in page), *self.beside))


def opened(content: bytes, max_pages: int) -> Opened:
    """Read a PDF whole.

    Raises DocumentRefused (encrypted, not-supported, too-many-pages, too-slow), and whatever the library raises for a
    file that is not what it says.
    """
    with _bounded():
        reader = _reader(content)
        _not_too_long(reader, max_pages)
        _only_shown(reader, content)
        pages = tuple(reader.pages)
        return Opened(pages=_lines(pages), beside=tuple(_beside(reader, pages)))


def has_seal(content: bytes) -> bool:
    """Whether there is anything in the bytes of a PDF that is, or was, a signature."""
    return _SEAL in content


def _bounded() -> AbstractContextManager[Configuration]:
    """The library's own limits, at what a page of text needs; it raises LimitReachedError beyond them."""
    return apply_configuration(
        maximum_declared_stream_length=_STREAM_BYTES,
        array_based_stream_maximum_output_length=_STREAM_BYTES,
        lzw_maximum_output_length=_STREAM_BYTES,
        run_length_maximum_output_length=_STREAM_BYTES,
        zlib_maximum_output_length=_STREAM_BYTES,
        zlib_maximum_recovery_input_length=100_000,
        stream_decoding_work_maximum_length=4 * _STREAM_BYTES,
        stream_parsing_work_maximum_count=500_000,
        stream_filters_maximum_length=4,
        xform_maximum_invocations_per_extraction=500,
        jbig2dec_binary=None,
    )


def _reader(content: bytes) -> PdfReader:
    """Opened without a password: a file that only forbids printing or changing needs none."""
    try:
        reader = PdfReader(BytesIO(content))
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
            raise DocumentRefused("encrypted")
    except (FileNotDecryptedError, NotImplementedError):  # the latter: a lock of a kind we have no key to
        raise DocumentRefused("encrypted") from None
    return reader


def _not_too_long(reader: PdfReader, max_pages: int) -> None:
    """Count the leaves of the page tree before any is read; what /Count says of it proves nothing."""
    waiting: list[Any] = [reader.root_object["/Pages"]]
    pages = nodes = 0
    while waiting:
        node = waiting.pop().get_object()
        kids = node.get("/Kids") if isinstance(node, DictionaryObject) else None
        waiting.extend(kids.get_object() if kids is not None else ())
        nodes += 1
        pages += kids is None
        # Every node that waits is a page or leads to one, so a long list needs no visit.
        if pages > max_pages or nodes + len(waiting) > _NODES_PER_PAGE * max_pages:
            raise DocumentRefused("too-many-pages")


def _only_shown(reader: PdfReader, content: bytes) -> None:
    """Refuse a file with anything in it that acts, wherever it stands: names are found in the bytes, not by a walk.

    A walk finds what one reader would reach, and the next reader reaches something else.
    """
    for part in (content, *_object_streams(reader)):
        if _ACTIVE.search(_ESCAPED.sub(_letter, part)):
            raise DocumentRefused("not-supported")


def _object_streams(reader: PdfReader) -> Iterator[bytes]:
    """The unpacked bytes of what the file keeps its objects in; nothing of it is seen in the file's own bytes."""
    numbers = {number for number, _ in reader.xref_objStm.values()}
    if len(numbers) > _OBJECT_STREAMS:
        raise DocumentRefused("too-slow")
    for number in numbers:
        found = reader.get_object(IndirectObject(number, 0, reader))
        if isinstance(found, StreamObject):
            yield found.get_data()


def _letter(escaped: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escaped[1].decode("ascii"))


def _lines(pages: tuple[PageObject, ...]) -> tuple[tuple[str, ...], ...]:
    read: list[tuple[str, ...]] = []
    left = _TEXT_CHARACTERS
    for page in pages:
        text = page.extract_text()
        left -= len(text)
        if left < 0:
            raise DocumentRefused("too-slow")
        read.append(tuple(line.rstrip() for line in text.splitlines() if line.strip()))
    return tuple(read)


def _beside(reader: PdfReader, pages: tuple[PageObject, ...]) -> Iterator[str]:
    """Metadata, and what stands in remarks and form fields: text that no page has in its own content."""
    yield from (str(value) for value in (reader.metadata or {}).values())
    described = reader.root_object.get("/Metadata")
    described = described.get_object() if described is not None else None
    if isinstance(described, StreamObject):
        yield described.get_data().decode("utf-8", errors="replace")
    left = _ANNOTATIONS
    for page in pages:
        annotations = list(page.annotations or ())
        left -= len(annotations)
        if left < 0:
            raise DocumentRefused("too-slow")
        for annotation in annotations:
            yield from _written(annotation.get_object())


def _written(annotation: object) -> Iterator[str]:
    if isinstance(annotation, DictionaryObject):
        for key in ("/Contents", "/V", "/TU"):
            value = annotation.get(key)
            if isinstance(value, str):
                yield value
