"""QR codes as SVG, PNG and terminal text, all three from one matrix.

Owns the drawing only: it draws any text and knows nothing of tokens. The quiet zone of four modules
(ISO/IEC 18004) is part of every picture, and so are the colours: black on white reads in dark mode too.
"""

from __future__ import annotations

import re
import struct
import zlib
from xml.sax.saxutils import escape

import qrcode
from qrcode.util import MODE_8BIT_BYTE, QRData

QUIET_ZONE = 4

# Trying all eight masks takes ten times as long as drawing with one, and any mask is valid to a reader.
_MASK = 0
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"
_PLAIN = "\x1b[0m"
_DARK = re.compile(b"\x01+")
_HALF_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}

Matrix = list[list[bool]]


def matrix(text: str) -> Matrix:
    """The square of modules, dark is True, quiet zone included; error correction M.

    Raises ValueError when the text does not fit: at most 2331 bytes of UTF-8.
    """
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=QUIET_ZONE, mask_pattern=_MASK)
    # Bytes always: an address gains nothing from the other modes, and the library fails on long runs of zeros in them.
    code.add_data(QRData(text.encode(), mode=MODE_8BIT_BYTE))  # pyright: ignore[reportArgumentType]
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.get_matrix()]


def svg(text: str, *, title: str) -> str:
    """An `<svg>` element of one path, one unit a module, to be sized by its page; `title` is its text alternative."""
    rows = matrix(text)
    path = "".join(_dark_runs(row, y) for y, row in enumerate(rows))
    size = len(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img" shape-rendering="crispEdges">'
        f"<title>{escape(title)}</title>"
        f'<rect width="{size}" height="{size}" fill="#fff"/><path d="{path}" fill="#000"/></svg>'
    )


def png(text: str, *, scale: int = 8) -> bytes:
    """A PNG of one bit a pixel, `scale` pixels a module."""
    rows = matrix(text)
    size = len(rows) * scale
    header = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    lines = b"".join(_scanline(row, scale) * scale for row in rows)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return _PNG_SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def terminal(text: str) -> str:
    """Lines of half blocks, two modules high each, with colours of their own so that any terminal theme scans."""
    rows = matrix(text)
    rows.append([False] * len(rows))  # the side is always odd (17 + 4 a version), and lines come in pairs
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(_BLACK_ON_WHITE + _half_blocks(upper, lower) + _PLAIN for upper, lower in pairs)


def _dark_runs(row: list[bool], y: int) -> str:
    """One sub-path for every unbroken run of dark modules: a tenth of the size of one for every module."""
    runs = ((run.start(), run.end() - run.start()) for run in _DARK.finditer(bytes(row)))
    return "".join(f"M{x} {y}h{length}v1h-{length}z" for x, length in runs)


def _scanline(row: list[bool], scale: int) -> bytes:
    """Filter type 0, then one bit a pixel (1 is white in greyscale), filled up to whole bytes."""
    bits = "".join("01"[not dark] * scale for dark in row)
    bits += "0" * (-len(bits) % 8)
    return b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _half_blocks(upper: list[bool], lower: list[bool]) -> str:
    return "".join(_HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
