"""What kind of file this is, by its content alone: a name or a declared type is never looked at.

Runs in the broker itself, before any process is started: it looks at bytes and parses nothing.
"""

from __future__ import annotations

import codecs
import re

from connectors.contract import DocumentRefused, MediaType

_PDF_HEADER_BYTES = 1024  # where a reader looks for %PDF- (ISO 32000-1, annex H, note 13)
# Other formats can have %PDF- near their beginning too: a zip whose first name is that, a page that speaks of it.
_OTHERS = (b"PK", b"MZ", b"\x7fELF", b"\x89PNG", b"GIF8", b"\xff\xd8", b"\xd0\xcf\x11\xe0", b"Rar!", b"7z", b"\x1f\x8b")
_TEXT = (b"<", b"{", b"#!")

_JSON_OBJECT = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*["}]')
# A prolog, a comment or an element; `<!` of anything else is a document type, and those are not taken.
_XML = re.compile(r"\s*<(\?xml\s|!--|[A-Za-z_])")
_HTML = re.compile(r"<(!doctype\s+)?html\b", re.IGNORECASE)
_DECLARES = re.compile(r"<!\s*(doctype|entity)", re.IGNORECASE)
_ENCODING = re.compile(r"""\s*<\?xml\s[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")

# An encoding in which `<` is not `<` would hide a document type from us that the parser sees.
_UTF_16 = {"utf-16", "utf-16-le", "utf-16-be"}
_LIKE_ASCII = {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"}

_PDF: frozenset[MediaType] = frozenset({"application/pdf"})
_DATA: frozenset[MediaType] = frozenset({"application/json", "application/xml"})
# What each source hands out. Mijnpensioenoverzicht has a PDF as well: known, and not read.
_HANDED_OUT: dict[str, frozenset[MediaType]] = {
    "mijnoverheid": _PDF,
    "uwv": _PDF,
    "belastingdienst": _PDF,
    "mijnpensioenoverzicht": _DATA | _PDF,
}
_NOT_READ: dict[str, frozenset[MediaType]] = {"mijnpensioenoverzicht": _PDF}


def accepted(source: str, content: bytes, max_bytes: int) -> MediaType:
    """The kind of file, when `source` hands out such files; sources of other packages may take all three kinds.

    Raises DocumentRefused: too-large, not-supported, or other-document for a kind that is known and not read.
    """
    if len(content) > max_bytes:
        raise DocumentRefused("too-large")
    media_type = sniffed(content)
    if media_type is None or media_type not in _HANDED_OUT.get(source, _PDF | _DATA):
        raise DocumentRefused("not-supported")
    if media_type in _NOT_READ.get(source, ()):
        raise DocumentRefused("other-document")
    return media_type


def sniffed(content: bytes) -> MediaType | None:
    """PDF, a JSON object or XML without a document type; None for everything else."""
    if _is_pdf(content):
        return "application/pdf"
    if _JSON_OBJECT.match(content.removeprefix(codecs.BOM_UTF8)):
        return "application/json"
    return "application/xml" if _is_xml(content) else None


def text_of(content: bytes) -> str:
    """The text of a JSON or XML file, for searching: what cannot be decoded is replaced."""
    return content.decode(_encoding(content), errors="replace").removeprefix("\ufeff")


def _is_pdf(content: bytes) -> bool:
    before, header, _ = content[:_PDF_HEADER_BYTES].partition(b"%PDF-")
    return bool(header) and not before.startswith(_OTHERS) and not before.lstrip().startswith(_TEXT)


def _is_xml(content: bytes) -> bool:
    text = text_of(content)
    if not _XML.match(text) or _HTML.search(text, 0, 1000) or _DECLARES.search(text):
        return False
    declared = _ENCODING.match(text)
    return declared is None or _known(declared[1], _encoding(content))


def _known(declared: str, found: str) -> bool:
    """Whether the encoding that is declared is one we have decoded rightly."""
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        return False
    return name in (_LIKE_ASCII if found == "utf-8" else _UTF_16)


def _encoding(content: bytes) -> str:
    """UTF-16 by its mark or by the zero beside the first `<` (XML 1.0, appendix F); else something like ASCII."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content.startswith(b"<\0"):
        return "utf-16-le"
    return "utf-16-be" if content.startswith(b"\0<") else "utf-8"
