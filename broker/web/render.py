"""From a template and facts to HTML, in one of the two languages. Owns texts, static files and their addresses.

Every text for people comes from `texts/<language>/<area>.toml`; templates hold structure only. Output is escaped, and a
name that is not there is an error, never an empty place.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from broker.texts import Language

HERE = Path(__file__).parent
STATIC = HERE / "static"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def texts(language: Language) -> dict[str, str]:
    """All texts of a language, by `area.section.name`."""
    found: dict[str, str] = {}
    for path in sorted((HERE / "texts" / language).glob("*.toml")):
        _flatten(path.stem, tomllib.loads(path.read_text(encoding="utf-8")), found)
    return found


def _flatten(name: str, value: Any, found: dict[str, str]) -> None:
    if isinstance(value, str):
        found[name] = value
        return
    for key, inner in value.items():
        _flatten(f"{name}.{key}", inner, found)


def text(language: Language, name: str, /, **facts: object) -> str:
    """One text, with its placeholders filled. Raises KeyError for a name or a placeholder that is not there."""
    return texts(language)[name].format(**facts)


@cache
def static_files() -> dict[str, bytes]:
    """The static files by name."""
    return {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.suffix in MEDIA_TYPES}


@cache
def static_version() -> str:
    """What changes when any static file does: it is in their addresses, so that they may be cached for ever."""
    together = hashlib.sha256()
    for name, content in static_files().items():
        together.update(name.encode() + b"\0" + content)
    return together.hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a static file. Raises KeyError for one that is not there."""
    if name not in static_files():
        raise KeyError(name)
    return f"/static/{static_version()}/{name}"


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(HERE / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def render(template: str, language: Language, **facts: object) -> str:
    """A template with these facts; in it `t` gives texts, `asset` addresses, and `language` is the language's code."""

    def t(name: str, /, **inner: object) -> str:
        return text(language, name, **inner)

    spoken: Callable[..., str] = t
    return _environment().get_template(template).render(t=spoken, asset=asset, language=language, **facts)
