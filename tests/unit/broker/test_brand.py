"""A provider's look: whatever colour it chose, people can read the pages; whatever logo, it can do no harm."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import pytest
from coloraide import Color
from hypothesis import given
from hypothesis import strategies as st

from broker.brand import (
    CONTRAST,
    DARK_BACKGROUNDS,
    DEFAULT,
    LIGHT_BACKGROUNDS,
    MAX_LOGO_BYTES,
    LogoError,
    Palette,
    Shades,
    contrast,
    logo_type,
    palette,
    stylesheet,
)
from broker.providers import ProviderError, read_file
from broker.web import render

ACCENTS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
LIGHT_TEXT, DARK_TEXT = "#14242b", "#e9efee"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink">%s</svg>'
HARMLESS = SVG % (
    b'<!-- drawn --><style>path { fill: url(#g) }</style><defs><linearGradient id="g"/></defs>'
    b'<path d="M0 0h8" fill="url(#g)"/><use x:href="#g"/><image href="data:image/png;base64,AAAA"/>'
)
PROVIDER = """
id = "gemeente"
name = {nl = "Gemeente", en = "City"}
jwks_uri = "https://gemeente.example/jwks"
accent = "#7a1f5c"
logo_file = "logo.svg"
[[profile]]
id = "bijstand"
purpose = {nl = "Bijstand", en = "Assistance"}
required = ["uwv"]
"""


def readable(shades: Shades, backgrounds: tuple[str, ...], text: str) -> None:
    """Check every pair that pages make of these shades (WCAG 2.2, 1.4.3)."""
    pairs = [(shades.accent, other) for other in (*backgrounds, shades.soft, shades.ink)]
    for one, other in (*pairs, (text, shades.soft)):
        assert contrast(one, other) >= CONTRAST, (shades, one, other)


@given(ACCENTS)
def test_whatever_accent_comes_in_every_pair_is_readable(accent: str) -> None:
    """As text on pages and cards, on its own tint, and under the text of a button; in light and in dark."""
    made = palette(accent)
    readable(made.light, LIGHT_BACKGROUNDS, LIGHT_TEXT)
    readable(made.dark, DARK_BACKGROUNDS, DARK_TEXT)


@given(ACCENTS)
def test_an_accent_stays_recognisably_itself_or_is_not_used(accent: str) -> None:
    """A colour may become darker, but not another one: then the default is better."""
    made = palette(accent)
    if made is not DEFAULT:
        assert Color(made.light.accent).distance(accent, space="oklab") <= 0.2501


def test_an_accent_that_can_be_read_is_not_touched() -> None:
    """A provider that chose well finds its own colour back, on light pages."""
    for accent in ("#0b5c6b", "#7a1f5c", "#154273", "#000000"):
        assert palette(accent).light.accent == accent


def test_what_cannot_be_made_readable_falls_back() -> None:
    """Yellow on white would have to become brown, white grey; without an accent there is the default too."""
    assert all(palette(accent) is DEFAULT for accent in ("#ffd700", "#ffffff", "#00ff00", None))
    readable(DEFAULT.light, LIGHT_BACKGROUNDS, LIGHT_TEXT)
    readable(DEFAULT.dark, DARK_BACKGROUNDS, DARK_TEXT)


def test_the_default_colours_are_those_of_the_style_sheet() -> None:
    """What app.css uses where no provider says otherwise, and the backgrounds that contrasts are checked against."""
    css = render.static_files()["app.css"].decode()
    fallbacks = dict(re.findall(r"var\(--(accent[a-z-]*-(?:light|dark)), (#[0-9a-f]{6})\)", css))
    assert fallbacks == _properties(stylesheet(None))
    assert all(background in css for background in (*LIGHT_BACKGROUNDS, *DARK_BACKGROUNDS))


def test_a_style_sheet_sets_six_properties() -> None:
    """Of the root, so that app.css finds them; nothing else gets in."""
    sheet = stylesheet("#7A1F5C")
    assert sheet.startswith(":root {\n")
    assert _properties(sheet) == _as_properties(palette("#7A1F5C"))
    assert len(sheet.splitlines()) == 8


def _properties(sheet: str) -> dict[str, str]:
    return dict(re.findall(r"--(accent[a-z-]*): (#[0-9a-f]{6});", sheet))


def _as_properties(made: Palette) -> dict[str, str]:
    schemes = {"light": made.light, "dark": made.dark}
    return {
        f"accent{part}-{scheme}": value
        for scheme, shades in schemes.items()
        for part, value in (("", shades.accent), ("-ink", shades.ink), ("-soft", shades.soft))
    }


def png(width: int, height: int) -> bytes:
    """A whole PNG that says it is this large."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_logo_is_known_by_its_bytes() -> None:
    """Not by its name."""
    assert logo_type(png(200, 40)) == "image/png"
    assert logo_type(HARMLESS) == "image/svg+xml"
    assert logo_type(b'<?xml version="1.0" encoding="UTF-8"?>\n' + HARMLESS) == "image/svg+xml"


@pytest.mark.parametrize(
    ("logo", "reason"),
    [
        (b"", "PNG or an SVG"),
        (b"GIF89a", "PNG or an SVG"),
        (b"<html/>", "PNG or an SVG"),
        (b"<svg/>", "PNG or an SVG"),
        (b"\x89PNG\r\n\x1a\n", "whole"),
        (png(0, 0), "whole"),
        (png(4097, 1), "4096"),
        (png(1, 40_000), "4096"),
        (HARMLESS.ljust(MAX_LOGO_BYTES + 1), "64 kB"),
        (b"<!DOCTYPE svg>" + HARMLESS, "DOCTYPE"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + HARMLESS, "DOCTYPE"),
        (b'<?xml-stylesheet href="https://x.example"?>' + HARMLESS, "processing"),
        (SVG % b"<?php ?>", "processing"),
        (SVG % b"<script>1</script>", "script"),
        (SVG % b'<h:script xmlns:h="http://www.w3.org/1999/xhtml">1</h:script>', "script"),
        (SVG % b"<foreignObject/>", "foreignobject"),
        (SVG % b'<a><set attributeName="href" to="javascript:1"/></a>', "set"),
        (SVG % b'<path onclick="1"/>', "event handlers"),
        (SVG % b'<g><path ONLOAD="1"/></g>', "event handlers"),
        (SVG % b'<image href="https://x.example/p"/>', "outside"),
        (SVG % b'<image x:href="//x.example/p"/>', "outside"),
        (SVG % b'<a href="javascript:1"/>', "outside"),
        (SVG % b'<image href="data:image/svg+xml,x"/>', "outside"),
        (SVG % b'<path fill="url(https://x.example)"/>', "outside"),
        (SVG % b"<path style=\"fill: URL( 'x' )\"/>", "outside"),
        (SVG % b'<style>@import "x";</style>', "outside"),
        (SVG % b"<style>a { background: url(x) }</style>", "outside"),
    ],
)
def test_a_logo_that_could_do_harm_is_refused(logo: bytes, reason: str) -> None:
    """With the reason, so that it can be mended."""
    with pytest.raises(LogoError, match=reason):
        logo_type(logo)


def test_a_providers_file_brings_its_look(tmp_path: Path) -> None:
    """The logo is read from beside the file and goes along as bytes."""
    (tmp_path / "provider.toml").write_text(PROVIDER, encoding="utf-8")
    (tmp_path / "logo.svg").write_bytes(HARMLESS)
    provider = read_file(tmp_path / "provider.toml")
    assert (provider.accent, provider.logo) == ("#7a1f5c", HARMLESS)


@pytest.mark.parametrize(
    ("text", "logo", "reason"),
    [
        (PROVIDER, None, "logo.svg"),
        (PROVIDER, b"<html/>", "PNG or an SVG"),
        (PROVIDER, b" " * (MAX_LOGO_BYTES * 2), "64 kB"),
        (PROVIDER.replace('"logo.svg"', '["logo.svg"]'), HARMLESS, "logo.svg"),
        (PROVIDER.replace("#7a1f5c", "red"), HARMLESS, "accent"),
        (PROVIDER.replace("#7a1f5c", "#7a1"), HARMLESS, "accent"),
        (PROVIDER.replace("#7a1f5c", "#7a1f5c;}"), HARMLESS, "accent"),
        (PROVIDER.replace('"#7a1f5c"', "7"), HARMLESS, "accent"),
    ],
)
def test_a_look_that_cannot_be_used_is_refused(tmp_path: Path, text: str, logo: bytes | None, reason: str) -> None:
    """Before the provider is registered, naming what is wrong."""
    (tmp_path / "provider.toml").write_text(text, encoding="utf-8")
    if logo is not None:
        (tmp_path / "logo.svg").write_bytes(logo)
    with pytest.raises(ProviderError, match=reason):
        read_file(tmp_path / "provider.toml")
