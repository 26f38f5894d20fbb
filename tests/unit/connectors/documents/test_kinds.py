"""What kind of file it is: by its bytes, before anything parses it."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from connectors.contract import DocumentRefused
from connectors.documents.kinds import accepted, sniffed, text_of
from tests.unit.connectors.documents.files import pdf

XML = '<?xml version="1.0" encoding="{}"?>\n<Overzicht><Naam>Zoë</Naam></Overzicht>'
LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE o [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<o>&c;</o>"""
EXTERNAL = '<!DOCTYPE o [<!ENTITY x SYSTEM "file:///etc/hostname">]><o>&x;</o>'


def zipped(name: str) -> bytes:
    """A zip with one file of a million zeros."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(1_000_000))
    return out.getvalue()


def refusal(source: str, content: bytes, max_bytes: int = 10_000_000) -> str:
    """The reason for which the file is not taken."""
    with pytest.raises(DocumentRefused) as refused:
        accepted(source, content, max_bytes)
    return refused.value.reason


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (pdf("x"), "application/pdf"),
        (b"\xef\xbb\xbf\r\n" + pdf("x"), "application/pdf"),
        (b"%!PS-Adobe-3.0 PDF-1.4 " + b" " * 900 + pdf("x"), "application/pdf"),
        (b' \r\n\t{ "a": 1}', "application/json"),
        (b'\xef\xbb\xbf{"a": 1}', "application/json"),
        (b"{}", "application/json"),
        (XML.format("UTF-8").encode(), "application/xml"),
        (XML.format("utf-8").encode("utf-8-sig"), "application/xml"),
        (XML.format("ISO-8859-1").encode("latin-1"), "application/xml"),
        (XML.format("Windows-1252").encode("cp1252"), "application/xml"),
        (XML.format("UTF-16").encode("utf-16"), "application/xml"),
        (XML.format("UTF-16LE").encode("utf-16-le"), "application/xml"),
        (XML.format("UTF-16BE").encode("utf-16-be"), "application/xml"),
        (b"<Overzicht/>", "application/xml"),
        (b"\n<!-- een overzicht --><o:Overzicht xmlns:o='x'/>", "application/xml"),
    ],
)
def test_what_a_source_hands_out_is_known_by_its_bytes(content: bytes, media_type: str) -> None:
    """PDF up to a kilobyte from the start, JSON objects, and XML in the encodings that XML readers must know."""
    assert sniffed(content) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 2000,
        b"%PDF",
        b" " * 1020 + pdf("x"),
        zipped("bom.pdf"),
        zipped("%PDF-1.7"),
        b"\x89PNG\r\n\x1a\n%PDF-1.7",
        b"\xff\xd8\xff\xe0%PDF-1.7",
        b"GIF89a%PDF-1.7",
        b"MZ\x90\0%PDF-1.7",
        b"\x7fELF%PDF-1.7",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1%PDF-1.7",
        b"Rar!\x1a%PDF-1.7",
        b"7z\xbc\xaf%PDF-1.7",
        gzip.compress(pdf("x")),
        b"#!/bin/sh\n%PDF-1.7",
        b"\n<html>%PDF-1.7</html>",
        b"{%PDF-1.7",
        b"<!DOCTYPE html><html></html>",
        b"<html lang='nl'><p>Log in</p></html>",
        b"<!-- x --><HTML></HTML>",
        b'[{"a": 1}]',
        b"{\\rtf1 hallo}",
        b"{a: 1}",
        b'"tekst"',
        b"datum;bedrag\n",
        b"< Overzicht/>",
    ],
)
def test_anything_else_is_nothing_we_know(content: bytes) -> None:
    """Archives, programs, pictures, office files, pages and scripts, also with a PDF's mark where one looks for it."""
    assert sniffed(content) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [LAUGHS, EXTERNAL, "<o><!entity x 'y'></o>", "<o/><! DOCTYPE o>"])
def test_xml_that_declares_anything_is_not_taken(text: str, encoding: str) -> None:
    """Entities that multiply or that fetch need a document type, whatever the encoding or the case."""
    assert sniffed(text.encode(encoding)) is None


@pytest.mark.parametrize("name", ["UTF-7", "cp037", "UTF-32", "UTF-16", "rot13", "hz", "onbekend"])
def test_xml_in_an_encoding_that_could_hide_a_declaration_is_not_taken(name: str) -> None:
    """What is declared must be what we searched in: UTF-7 writes `<` as `+ADw-`."""
    assert sniffed(XML.format(name).encode()) is None


def test_sixteen_bits_that_call_themselves_eight_are_not_taken() -> None:
    """The parser may believe the declaration where we believed the bytes."""
    assert sniffed(XML.format("UTF-8").encode("utf-16")) is None


@pytest.mark.parametrize(
    ("source", "content", "reason"),
    [
        ("uwv", b"{}", "not-supported"),
        ("uwv", b"<o/>", "not-supported"),
        ("belastingdienst", b"{}", "not-supported"),
        ("mijnoverheid", b"<o/>", "not-supported"),
        ("mijnpensioenoverzicht", zipped("x.pdf"), "not-supported"),
        ("mijnpensioenoverzicht", LAUGHS.encode(), "not-supported"),
        ("mijnpensioenoverzicht", pdf("x"), "other-document"),
    ],
)
def test_a_source_takes_what_it_hands_out(source: str, content: bytes, reason: str) -> None:
    """Mijnpensioenoverzicht's PDF is the right thing in a form we do not read; the others have PDF and nothing else."""
    assert refusal(source, content) == reason


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("uwv", pdf("x")),
        ("belastingdienst", pdf("x")),
        ("mijnoverheid", pdf("x")),
        ("mijnpensioenoverzicht", b"{}"),
        ("mijnpensioenoverzicht", b"<o/>"),
        ("duo", b"{}"),
        ("duo", b"<o/>"),
        ("duo", pdf("x")),
    ],
)
def test_sources_of_other_packages_may_take_all_three(source: str, content: bytes) -> None:
    """What they make of it is their own business; the four built in are known."""
    assert accepted(source, content, len(content)) == sniffed(content)


def test_size_comes_first() -> None:
    """One byte over the limit is too large, whatever it is."""
    assert refusal("uwv", b"PK" + bytes(9), max_bytes=10) == "too-large"
    assert refusal("uwv", b"PK" + bytes(8), max_bytes=10) == "not-supported"


def test_text_is_decoded_for_searching() -> None:
    """Sixteen bits by their mark or their zeros; what cannot be decoded does not stop a search."""
    assert text_of("<o>é</o>".encode("utf-16")) == "<o>é</o>"
    assert text_of("<o>é</o>".encode("utf-16-be")) == "<o>é</o>"
    assert text_of(b"\xef\xbb\xbf{}") == "{}"
    assert text_of(b"a\xffb") == "a\ufffdb"
