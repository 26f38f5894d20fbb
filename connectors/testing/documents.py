"""A recorded answer that can be changed in one place: JSON and XML alike, by paths without numbers or namespaces.

`loans[].number` (JSON) and `Envelope/Body/Loan/Number` (XML) name all places of that kind at once. Knows no connector.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Literal, Protocol, TypeAlias

from lxml import etree

CANARY = "kanarie-7f3a"
"""What stands in for personal data: wherever this text turns up, a name or a number would have turned up."""

Odd = Literal["text", "number", "huge", "endless", "negative", "flag", "list", "nested", "surrogate"]
ODD: tuple[Odd, ...] = ("text", "number", "huge", "endless", "negative", "flag", "list", "nested", "surrogate")

_DEPTH = 3000
_Place: TypeAlias = tuple[str | int, ...]
# lxml gives its element type no public name.
_Element: TypeAlias = etree._Element  # pyright: ignore[reportPrivateUsage]

_JSON: dict[Odd, str] = {
    "text": f'"{CANARY}"',
    "number": "7",
    "huge": "9" * 400,
    "endless": "1e999",
    "negative": "-1",
    "flag": "true",
    "list": f'["{CANARY}"]',
    "nested": "[" * _DEPTH + f'"{CANARY}"' + "]" * _DEPTH,
    "surrogate": f'"{CANARY}\\ud800"',
}
_XML: dict[Odd, str] = {
    "text": CANARY,
    "number": "7",
    "huge": "9" * 400,
    "endless": "1e999",
    "negative": "-1",
    "flag": "true",
    "list": f"{CANARY} {CANARY}",
    "nested": "",  # see XmlDocument.odd
    "surrogate": f"{CANARY}\ufffd",
}


class Document(Protocol):
    """An answer with places in it."""

    def paths(self) -> tuple[str, ...]:
        """Every kind of place there is, in the order of the document, containers before what is in them."""
        ...

    def without(self, path: str) -> bytes:
        """The document without anything at `path`."""
        ...

    def altered(self, path: str) -> bytes:
        """The document with other values of the same type at `path`; the same document when that is a container."""
        ...

    def odd(self, path: str, kind: Odd) -> bytes:
        """The document with something at `path` that does not belong there."""
        ...


def document(body: bytes) -> Document | None:
    """Read a body; None when it is neither JSON nor XML."""
    for read in (JsonDocument, XmlDocument):
        try:
            return read(body)
        except (ValueError, etree.XMLSyntaxError):
            continue
    return None


class JsonDocument:
    """A JSON text. Raises ValueError for anything else."""

    _MARK = "@@odd@@"

    def __init__(self, body: bytes) -> None:
        self._tree = json.loads(body)
        self._places: dict[str, list[_Place]] = {}
        for path, place in _json_places(self._tree, "", ()):
            self._places.setdefault(path, []).append(place)

    def paths(self) -> tuple[str, ...]:
        """See Document."""
        return tuple(self._places)

    def without(self, path: str) -> bytes:
        """See Document. Items of a list go from the end, so that the places before them stay right."""
        tree = deepcopy(self._tree)
        for place in reversed(self._places[path]):
            del _parent(tree, place)[place[-1]]
        return json.dumps(tree).encode()

    def altered(self, path: str) -> bytes:
        """See Document."""
        return self._changed(path, _other).encode()

    def odd(self, path: str, kind: Odd) -> bytes:
        """See Document."""
        return self._changed(path, lambda _: self._MARK).replace(f'"{self._MARK}"', _JSON[kind]).encode()

    def _changed(self, path: str, change: Callable[[Any], Any]) -> str:
        tree = deepcopy(self._tree)
        for place in self._places[path]:
            parent = _parent(tree, place)
            parent[place[-1]] = change(parent[place[-1]])
        return json.dumps(tree)


class XmlDocument:
    """An XML text; attributes are left alone. Raises XMLSyntaxError for anything else."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._paths = tuple(dict.fromkeys(path for path, _ in self._elements(self._root())))

    def paths(self) -> tuple[str, ...]:
        """See Document."""
        return self._paths

    def without(self, path: str) -> bytes:
        """See Document."""

        def remove(element: _Element) -> None:
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)

        return self._changed(path, remove)

    def altered(self, path: str) -> bytes:
        """See Document."""

        def alter(element: _Element) -> None:
            if len(element) == 0 and (element.text or "").strip():
                element.text = _other_text(element.text or "")

        return self._changed(path, alter)

    def odd(self, path: str, kind: Odd) -> bytes:
        """See Document."""

        def replace(element: _Element) -> None:
            contained = list(element)
            for inner in contained:
                element.remove(inner)
            element.text = _XML[kind] or CANARY
            if kind == "nested" and not contained:  # in a container it would be an unknown element, and no odd value
                etree.SubElement(element, "odd").text = CANARY

        return self._changed(path, replace)

    def _root(self) -> _Element:
        return etree.fromstring(self._body, etree.XMLParser(resolve_entities=False, no_network=True))

    def _elements(self, root: _Element) -> Iterator[tuple[str, _Element]]:
        for element in root.iterdescendants(etree.Element):
            above = [etree.QName(ancestor).localname for ancestor in element.iterancestors()]
            yield "/".join([*reversed(above), etree.QName(element).localname]), element

    def _changed(self, path: str, change: Callable[[_Element], None]) -> bytes:
        root = self._root()
        for element in [element for found, element in self._elements(root) if found == path]:
            change(element)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _json_places(tree: Any, path: str, place: _Place) -> Iterator[tuple[str, _Place]]:
    if isinstance(tree, dict):
        inner = [(f"{path}.{name}".lstrip("."), name, value) for name, value in tree.items()]
    elif isinstance(tree, list):
        inner = [(f"{path}[]", index, value) for index, value in enumerate(tree)]
    else:
        return
    for deeper, key, value in inner:
        yield deeper, (*place, key)
        yield from _json_places(value, deeper, (*place, key))


def _parent(tree: Any, place: _Place) -> Any:
    for key in place[:-1]:
        tree = tree[key]
    return tree


def _other(value: Any) -> Any:
    """Another value of the same type; containers and null stay as they are."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return _other_text(value)
    return value + 1 if isinstance(value, int | float) else value


def _other_text(text: str) -> str:
    """The last letter or digit becomes its neighbour: a date stays a date and a number a number, where that is so."""
    if not text:
        return "x"
    last = text[-1]
    other = {"9": "8", "z": "y", "Z": "Y"}.get(last, chr(ord(last) + 1) if last.isalnum() else "x")
    return text[:-1] + other
