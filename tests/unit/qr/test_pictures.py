"""Every picture is read back by a decoder that is not ours (zxing-cpp), from its own pixels."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
import zxingcpp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from qr import pictures, tokens

SVG = "{http://www.w3.org/2000/svg}"
PIXELS = 4


def from_svg(text: str) -> Image.Image:
    """Draw the path as a renderer would: nothing here knows the matrix it came from."""
    root = ElementTree.fromstring(pictures.svg(text, title="Code"))  # noqa: S314 (made here)
    side = int(root.attrib["viewBox"].split()[2])
    image = Image.new("L", (side * PIXELS, side * PIXELS), 128)
    draw = ImageDraw.Draw(image)
    rect, path = root.find(f"{SVG}rect"), root.find(f"{SVG}path")
    assert rect is not None
    assert path is not None
    assert (rect.attrib["width"], rect.attrib["fill"], path.attrib["fill"]) == (str(side), "#fff", "#000")
    draw.rectangle((0, 0, side * PIXELS, side * PIXELS), fill=255)
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path.attrib["d"])
    assert "".join("M{} {}h{}v1h-{}z".format(*run) for run in runs) == path.attrib["d"]
    for x, y, wide, back in ([int(number) for number in run] for run in runs):
        assert wide == back
        draw.rectangle((x * PIXELS, y * PIXELS, (x + wide) * PIXELS - 1, (y + 1) * PIXELS - 1), fill=0)
    return image


def read(image: Image.Image) -> list[zxingcpp.Barcode]:
    """The QR codes in a picture: looking for lines too, the reader sees some among the modules."""
    return zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))


def from_png(text: str) -> Image.Image:
    """Let Pillow check the chunks and their checksums."""
    image = Image.open(io.BytesIO(pictures.png(text, scale=PIXELS)))
    image.load()
    return image.convert("L")


def from_terminal(text: str) -> Image.Image:
    """Paint every half block, colours off."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", pictures.terminal(text)).split("\n")
    image = Image.new("L", (len(lines[0]), 2 * len(lines)), 255)
    for y, line in enumerate(lines):
        for x, block in enumerate(line):
            image.putpixel((x, 2 * y), 0 if block in "▀█" else 255)
            image.putpixel((x, 2 * y + 1), 0 if block in "▄█" else 255)
    return image.resize((image.width * PIXELS, image.height * PIXELS), Image.Resampling.NEAREST)


FORMS = pytest.mark.parametrize("drawn", [from_svg, from_png, from_terminal])


@FORMS
def test_a_pairing_address_is_read_back(drawn: Callable[[str], Image.Image]) -> None:
    """What a phone's camera reads is the address, token and all."""
    address = tokens.token_url("https://intake.example.nl", tokens.make_token("p17-" + "a" * 22))
    (found,) = read(drawn(address))
    assert found.text == address
    assert found.format == zxingcpp.BarcodeFormat.QRCode


@FORMS
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(1, 700), seed=st.text("abcXYZ019-_.~/#:é€", min_size=1, max_size=40))
def test_every_size_is_read_back(drawn: Callable[[str], Image.Image], length: int, seed: str) -> None:
    """From version 1 up to the twenties: the fixed mask, the alignment marks and the version marks all read."""
    text = (seed * length)[:length]
    (found,) = read(drawn(text))
    assert found.bytes == text.encode()


@FORMS
def test_the_quiet_zone_is_part_of_the_picture(drawn: Callable[[str], Image.Image]) -> None:
    """Four white modules all round (ISO/IEC 18004), so the page's own background cannot touch the code."""
    picture = drawn("a")
    inner = picture.convert("L").point(lambda value: 255 - value).getbbox()
    assert inner is not None
    assert min(inner[0], inner[1], picture.width - inner[2]) == 4 * PIXELS


def test_the_three_forms_show_the_same_matrix() -> None:
    """One matrix, three pens."""
    svg, png, terminal = (drawn("same") for drawn in (from_svg, from_png, from_terminal))
    assert svg.tobytes() == png.tobytes()
    assert terminal.crop((0, 0, png.width, png.height)).tobytes() == png.tobytes()


def test_the_svg_has_a_text_alternative() -> None:
    """WCAG 1.1.1: an image to a screen reader, named by its title, whatever characters that has."""
    root = ElementTree.fromstring(pictures.svg("a", title='Scan & go <"now">'))  # noqa: S314 (made here)
    title = root.find(f"{SVG}title")
    assert root.attrib["role"] == "img"
    assert title is not None
    assert title.text == 'Scan & go <"now">'


def test_the_png_has_one_bit_a_pixel() -> None:
    """Small enough to be sent inline: an address of 80 characters stays below a kilobyte."""
    data = pictures.png("https://intake.example.nl/phone#" + "a" * 48)
    assert Image.open(io.BytesIO(data)).mode == "1"
    assert len(data) < 1000


def test_a_text_that_does_not_fit_is_refused() -> None:
    """The largest symbol holds 2331 bytes at level M; one more is an error, not half a picture."""
    assert len(pictures.matrix("a" * 2331)) == 177 + 2 * pictures.QUIET_ZONE
    with pytest.raises(ValueError, match="version"):
        pictures.matrix("a" * 2332)
