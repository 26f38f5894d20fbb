"""How answers are written: JSON without blanks, XML from nested values, and the ways both can go wrong.

Knows no source and no persona.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TypeAlias

import msgspec
from lxml import etree

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"
# lxml gives its element type no public name.
Element: TypeAlias = etree._Element  # pyright: ignore[reportPrivateUsage]


def present(**values: Json) -> JsonObject:
    """The members that have a value: None, empty text, empty lists and empty objects are left out, 0 and False stay."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", (), [], {})}


def narrowed(whole: Mapping[str, Json], paths: Iterable[str], always: Set[str]) -> JsonObject:
    """Only the members that dotted `paths` ask, and on every level those named in `always`.

    Items of a list are narrowed one by one and stay even when nothing is left of them: that there is one, is told.
    """
    heads: dict[str, set[str]] = {}
    for path in paths:
        head, _, rest = path.strip().partition(".")
        heads.setdefault(head, set()).add(rest)
    kept: JsonObject = {}
    for name, value in whole.items():
        if name in always or "" in heads.get(name, ()):
            kept[name] = value
        elif name in heads:
            kept[name] = _part(value, heads[name], always)
    return {name: value for name, value in kept.items() if value not in ({}, [])}


def _part(value: Json, paths: Set[str], always: Set[str]) -> Json:
    if isinstance(value, Mapping):
        return narrowed(value, paths, always)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_part(item, paths, always) for item in value]
    return value


def json_bytes(value: Json) -> bytes:
    """`value` as UTF-8 JSON."""
    return msgspec.json.encode(value)


def add(parent: Element, name: str, value: Json) -> None:
    """Append `value` to `parent` as unqualified elements: objects nest, lists repeat the element, None is left out."""
    if value is None:
        return
    if isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            add(parent, name, item)
        return
    element = etree.SubElement(parent, name)
    if isinstance(value, Mapping):
        for child, inner in value.items():
            add(element, child, inner)
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def garbled(body: bytes, media_type: str) -> bytes:
    """The same document with values of wrong types; BSNs stay, so that it is still about the right person."""
    if "xml" in media_type:
        return _garbled_xml(body)
    return json_bytes(_garbled_json(msgspec.json.decode(body)))


def _garbled_json(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {name: inner if _is_bsn(inner) else _garbled_json(inner) for name, inner in value.items()}
    if isinstance(value, str):
        return 17
    if isinstance(value, Sequence):
        return [_garbled_json(item) for item in value]
    return [["niet", "van", "toepassing"]]


def _garbled_xml(body: bytes) -> bytes:
    root = etree.fromstring(body)
    for element in root.iter(etree.Element):
        if len(element) == 0 and not _is_bsn(element.text):
            element.text = "niet van toepassing"
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


# What fields are called in the next version of a source; None is a field that is gone.
_DRIFT = {
    "geboorte": "geboortegegevens",
    "verblijfplaats": None,
    "BedrBrutoloonSv": "BrutoloonSv",
    "DatEIko": None,
    "Details": "Onderdelen",
}


def drifted(body: bytes, media_type: str) -> bytes:
    """The same document as a next version of the source would write it: fields renamed, and fields gone."""
    if "xml" in media_type:
        return _drifted_xml(body)
    return json_bytes(_drifted_json(msgspec.json.decode(body)))


def _drifted_json(value: Json) -> Json:
    if isinstance(value, Mapping):
        named = ((_DRIFT.get(name, name), inner) for name, inner in value.items())
        return {name: _drifted_json(inner) for name, inner in named if name is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_drifted_json(item) for item in value]
    return value


def _drifted_xml(body: bytes) -> bytes:
    root = etree.fromstring(body)
    for element in [*root.iter(etree.Element)]:
        name = _DRIFT.get(str(element.tag), str(element.tag))
        parent = element.getparent()
        if name is not None:
            element.tag = name
        elif parent is not None:
            parent.remove(element)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _is_bsn(value: Json) -> bool:
    return isinstance(value, str) and len(value) == 9 and value.startswith("999")
