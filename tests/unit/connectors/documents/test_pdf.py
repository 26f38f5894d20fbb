"""Opening a PDF: its lines, and what is refused before a line is read."""

from __future__ import annotations

import zlib
from io import BytesIO

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText
from pypdf.errors import LimitReachedError, PyPdfError

from connectors.contract import DocumentRefused
from connectors.documents.pdf import opened
from tests.unit.connectors.documents.files import (
    deflated_zeros,
    locked,
    many_pages,
    one_page,
    pdf,
    raw_pdf,
    shown,
    stream,
    with_attachment,
    with_script,
    written,
)

FLATE = b"/Filter /FlateDecode"


def refusal(content: bytes, max_pages: int = 200) -> str:
    """The reason for which the file is not taken."""
    with pytest.raises(DocumentRefused) as refused:
        opened(content, max_pages)
    return refused.value.reason


def test_text_is_lines_by_page() -> None:
    """In the order in which they stand, without the empty ones."""
    assert opened(pdf("Loon  3.250,00", " ", "Uren 152,00", pages=2), 2).pages == (
        ("Loon  3.250,00", "Uren 152,00"),
        ("Loon  3.250,00", "Uren 152,00"),
    )


def test_words_beside_the_pages_are_read_too() -> None:
    """A number may stand in the title, in the description, in a remark or in a field that was filled in."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf("Loon"))))
    writer.add_metadata({"/Title": "Verzekeringsbericht 999993653"})
    writer.xmp_metadata = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>beschreven</x:xmpmeta>"
    writer.add_annotation(0, FreeText(text="een opmerking", rect=(50, 550, 200, 650)))
    said = opened(written(writer), 1)
    assert said.pages == (("Loon",),)
    assert {"Verzekeringsbericht 999993653", "een opmerking"} <= set(said.beside)
    assert any("beschreven" in words for words in said.beside)
    assert "Loon" in said.text()
    assert "een opmerking" in said.text()


def test_what_is_filled_in_is_read() -> None:
    """A form field's value stands on no page."""
    field = b"/Annots [<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /TU (uitleg) /V (ingevuld) /Rect [0 0 9 9] >> 7]"
    assert {"ingevuld", "uitleg"} <= set(opened(one_page(shown(b"x"), page=field), 1).beside)


@pytest.mark.parametrize("pages", [200, 201])
def test_pages_are_counted_and_not_believed(pages: int) -> None:
    """Two hundred may be; what a file says of its number of pages is no number of pages."""
    if pages > 200:
        assert refusal(many_pages(pages, count=1)) == "too-many-pages"
    else:
        assert opened(many_pages(pages, count=10_000), 200).pages == ((),) * pages


def test_ten_thousand_pages_are_too_many() -> None:
    """Whether they hang in one list, deep down, or in circles."""
    assert refusal(many_pages(10_000)) == "too-many-pages"
    assert refusal(many_pages(1, depth=1000)) == "too-many-pages"
    circle = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1 >>"]
    assert refusal(raw_pdf(circle)) == "too-many-pages"


def test_a_password_is_asked_of_nobody() -> None:
    """A file that opens only with one is refused; one that merely forbids printing opens by itself, and is read."""
    assert refusal(locked(pdf("Loon"), "geheim")) == "encrypted"
    assert opened(locked(pdf("Loon"), ""), 1).pages == (("Loon",),)


def test_a_lock_of_another_kind_is_a_lock() -> None:
    """Files locked for the holder of a key (ISO 32000-1, 7.6.4) cannot be opened with any password."""
    lock = b"/Encrypt << /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s5 /V 4 >>"
    assert refusal(raw_pdf([b"<< /Type /Catalog >>"], lock)) == "encrypted"


@pytest.mark.parametrize(
    "active",
    [
        b"/OpenAction << /S /JavaScript /JS (app.alert) >>",
        b"/OpenAction << /S /Java#53cript /JS (app.alert) >>",
        b"/OpenAction<</S/#4Aava#53cript/JS(app.alert)>>",
        b"/AA << /WC << /S /Launch /F (cmd.exe) >> >>",
        b"/Names << /EmbeddedFiles << /Names [] >> >>",
        b"/AF [<< /Type /Filespec /EF << /F 9 0 R >> >>]",
        b"/AF [<< /Type /Filespec /EF 9 0 R >>]",
        b"/AcroForm << /XFA [] >>",
        b"/A << /S /SubmitForm /F (https://example.org) >>",
        b"/A << /S /ImportData /F (x) >>",
        b"/A << /S /Rendition >>",
        b"/X << /Subtype /RichMedia >>",
        b"/X << /Subtype /FileAttachment >>",
        b"/X << /Type /EmbeddedFile >>",
    ],
)
def test_a_file_that_does_more_than_show_itself_is_refused(active: bytes) -> None:
    """Scripts, programs, files within it, forms that are programs: also with a name spelled in another way."""
    assert refusal(one_page(shown(b"x"), catalogue=active)) == "not-supported"


def test_words_that_only_look_like_it_are_let_through() -> None:
    """A font may be called LaunchPad; a name is more than its beginning."""
    assert opened(one_page(shown(b"x"), catalogue=b"/LaunchPad 1 /EFF << >> /JavaScripted true"), 1).pages == (("x",),)


def test_a_script_in_a_packed_object_is_found() -> None:
    """Objects may stand deflated in a stream, where nothing of them is seen in the file's own bytes."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(with_script(pdf("Loon")))))
    plain = written(writer)
    assert refusal(plain) == "not-supported"
    assert refusal(with_attachment(pdf("Loon"))) == "not-supported"
    packed = packed_pdf(b"<< /S /JavaScript /JS (app.alert) >>")
    assert b"JavaScript" not in packed
    assert refusal(packed) == "not-supported"
    assert opened(packed_pdf(b"<< /S /GoTo >>"), 1).pages == (("x",),)


def packed_pdf(inside: bytes) -> bytes:
    """A PDF with a cross-reference stream, whose sixth object lies deflated in the fifth."""
    contents = shown(b"x")
    font = b"/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << %s >> >>" % font
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction 6 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page,
        contents,
        stream(zlib.compress(b"6 0 " + inside), b"/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode"),
    ]
    body = bytearray(b"%PDF-1.7\n")
    entries = [b"\0\0\0\0\0\0"]
    for number, content in enumerate(objects, start=1):
        entries.append(b"\1" + len(body).to_bytes(4, "big") + b"\0")
        body += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    entries += [b"\2" + (5).to_bytes(4, "big") + b"\0", b"\1" + len(body).to_bytes(4, "big") + b"\0"]
    start = len(body)
    index = stream(b"".join(entries), b"/Type /XRef /Size 8 /W [1 4 1] /Root 1 0 R")
    return bytes(body + b"7 0 obj\n" + index + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % start)


@pytest.mark.parametrize(
    "contents",
    [
        stream(deflated_zeros(1), FLATE),
        stream(zlib.compress(deflated_zeros(1)), b"/Filter [/FlateDecode /FlateDecode]"),
        stream(bytes(range(256)) * 1000, FLATE),
        stream(b"x", b"/Filter [" + b"/ASCIIHexDecode " * 5 + b"]"),
        stream(zlib.compress(b"BT (x) Tj ET\n" * 250_000), FLATE),
    ],
    ids=["gigabyte", "twice deflated", "no deflate at all", "many filters", "a million operations"],
)
def test_contents_that_unpack_to_more_than_a_page_are_left(contents: bytes) -> None:
    """The library stops at the limits we set it, before memory or time are used up."""
    with pytest.raises(LimitReachedError):
        opened(one_page(contents), 1)


def test_more_text_than_any_document_has_is_left() -> None:
    """A page that is shown a hundred times counts a hundred times."""
    contents = stream(zlib.compress(b"BT /F1 10 Tf (" + b"x" * 30_000 + b") Tj ET"), FLATE)
    once = one_page(contents)
    kids = b"/Kids [" + b"3 0 R " * 100 + b"]"
    assert refusal(once.replace(b"/Kids [3 0 R]", kids)) == "too-slow"


def test_more_remarks_than_any_document_has_are_left() -> None:
    """A thousand may be."""
    remark = b"<< /Type /Annot /Subtype /Text /Contents (x) /Rect [0 0 9 9] >> "
    assert len(opened(one_page(shown(b"x"), page=b"/Annots [" + remark * 1000 + b"]"), 1).beside) == 1000
    assert refusal(one_page(shown(b"x"), page=b"/Annots [" + remark * 1001 + b"]")) == "too-slow"


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_half_a_file_is_no_file(kept: float) -> None:
    """What was cut off is not read as if it were whole."""
    whole = pdf(*("Loon 3.250,00",) * 40, pages=3)
    with pytest.raises((PyPdfError, KeyError, DocumentRefused)):
        opened(whole[: int(len(whole) * kept)], 200)
