"""A provider's look: colours that anyone can read, made from one accent, and a logo that can do no harm. Pure.

Text must reach a contrast of 4.5:1 with what it stands on (WCAG 2.2, 1.4.3), in light and in dark. The backgrounds and
the default accent are those of `broker/web/static/app.css`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec
from coloraide import Color
from lxml import etree

ACCENT_PATTERN = r"#[0-9a-fA-F]{6}"
MAX_LOGO_BYTES = 64 * 1024
MAX_LOGO_PIXELS = 4096
CONTRAST = 4.5
LIGHT_BACKGROUNDS = ("#fbfaf7", "#ffffff")
DARK_BACKGROUNDS = ("#10191d", "#17242a")
_LIGHT_INK, _DARK_INK = "#ffffff", "#0c1d22"
_LIGHT_SOFT, _DARK_SOFT = (0.95, 0.02), (0.32, 0.03)  # lightness and most chroma of the tints, in OKLCH
_RECOGNISABLE = 0.25  # how far, in OKLab, a colour may move and still be the provider's own
_DARK_START = 0.7  # a dark accent on a dark page tires the eyes, also where it can be read
_STEP = 0.01

_PNG = b"\x89PNG\r\n\x1a\n"
_SVG = "http://www.w3.org/2000/svg"
_ACTIVE = frozenset({"script", "foreignobject", "handler", "listener", "animate", "animatetransform", "set"})
_URL = re.compile(r"url\(\s*[\"']?\s*(?!#)|@import", re.IGNORECASE)


class LogoError(Exception):
    """This logo cannot be shown; the text says why."""


class Shades(msgspec.Struct, frozen=True, kw_only=True):
    """An accent for one colour scheme: itself, the text on it, and its soft tint; `#rrggbb`."""

    accent: str
    ink: str
    soft: str


class Palette(msgspec.Struct, frozen=True, kw_only=True):
    """The accent for both colour schemes."""

    light: Shades
    dark: Shades


DEFAULT = Palette(
    light=Shades(accent="#0b5c6b", ink="#ffffff", soft="#e3f0f1"),
    dark=Shades(accent="#6cc3d0", ink="#0c1d22", soft="#1c373f"),
)


@lru_cache(maxsize=256)
def palette(accent: str | None) -> Palette:
    """Readable colours from an accent (`#rrggbb`): darker or lighter where that is needed, of the same hue.

    Gives `DEFAULT` without an accent, and for one of which too little would be left (such as yellow, as text on white).
    """
    if accent is None:
        return DEFAULT
    given = Color(accent).convert("oklch")
    light, dark = _shades(given, dark=False), _shades(given, dark=True)
    if light is None or dark is None or Color(light.accent).distance(given, space="oklab") > _RECOGNISABLE:
        return DEFAULT
    return Palette(light=light, dark=dark)


def _shades(given: Color, *, dark: bool) -> Shades | None:
    """The first readable lightness from the given one on: downwards for light backgrounds, upwards for dark ones."""
    soft = _tint(given, *(_DARK_SOFT if dark else _LIGHT_SOFT))
    ink = _DARK_INK if dark else _LIGHT_INK
    others = (*(DARK_BACKGROUNDS if dark else LIGHT_BACKGROUNDS), soft, ink)
    lightness = max(given["lightness"], _DARK_START) if dark else given["lightness"]
    while 0 <= lightness <= 1:
        accent = _tint(given, lightness, given["chroma"])
        if all(contrast(accent, other) >= CONTRAST for other in others):
            return Shades(accent=accent, ink=ink, soft=soft)
        lightness += _STEP if dark else -_STEP
    return None


def _tint(given: Color, lightness: float, most_chroma: float) -> str:
    """The given hue at a lightness, with no more chroma than it has and than a screen can show."""
    made = Color("oklch", [lightness, min(given["chroma"], most_chroma), given["hue"]])
    return made.convert("srgb").fit(method="oklch-chroma").to_string(hex=True)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    return Color(one).contrast(other, method="wcag21")


def stylesheet(accent: str | None) -> str:
    """The custom properties that give the pages a provider's colours."""
    colours = palette(accent)
    lines = [
        f"  --{name}-{scheme}: {value};"
        for scheme, shades in (("light", colours.light), ("dark", colours.dark))
        for name, value in (("accent", shades.accent), ("accent-ink", shades.ink), ("accent-soft", shades.soft))
    ]
    return "\n".join([":root {", *lines, "}", ""])


def logo_type(content: bytes) -> str:
    """The media type of a logo, PNG or SVG, found from its bytes. Raises LogoError for anything else or unsafe."""
    if len(content) > MAX_LOGO_BYTES:
        raise LogoError(f"a logo may have {MAX_LOGO_BYTES // 1024} kB at most")
    if content.startswith(_PNG):
        _check_png(content)
        return "image/png"
    _check_svg(content)
    return "image/svg+xml"


def _check_png(content: bytes) -> None:
    """The size it says it has (PNG, 11.2.2): a small file may unfold to more than a telephone can hold."""
    width, height = int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    if content[12:16] != b"IHDR" or not 0 < max(width, height) <= MAX_LOGO_PIXELS:
        raise LogoError(f"a PNG logo must be whole and {MAX_LOGO_PIXELS} pixels wide and high at most")


def _check_svg(content: bytes) -> None:
    """Refuse what acts or fetches. It is served without any right to do so too; this tells the provider in time."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise LogoError("a logo must be a PNG or an SVG") from None
    if root.tag != f"{{{_SVG}}}svg":
        raise LogoError("a logo must be a PNG or an SVG")
    if root.getroottree().docinfo.internalDTD is not None:
        raise LogoError("an SVG logo may have no document type (DOCTYPE)")
    if root.getprevious() is not None or any(not isinstance(node.tag, str) for node in root.iter()):
        raise LogoError("an SVG logo may have no processing instructions")
    for node in root.iter(etree.Element):
        _check_element(etree.QName(node).localname.lower(), node.text or "", {str(n): str(v) for n, v in node.items()})


def _check_element(name: str, text: str, attributes: Mapping[str, str]) -> None:
    if name in _ACTIVE:
        raise LogoError(f"an SVG logo may have no <{name}>")
    if name == "style" and _URL.search(text):
        raise LogoError("an SVG logo may refer to nothing outside itself")
    for full, value in attributes.items():
        attribute = etree.QName(full).localname.lower()
        if attribute.startswith("on"):
            raise LogoError("an SVG logo may have no event handlers")
        outside = attribute in ("href", "src") and not value.strip().startswith(("#", "data:image/png;"))
        if outside or _URL.search(value):
            raise LogoError("an SVG logo may refer to nothing outside itself")
