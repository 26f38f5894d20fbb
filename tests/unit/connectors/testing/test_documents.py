"""Recorded answers that can be changed in one place, and the pretend source that gives them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import msgspec
import pytest
from hypothesis import given

from connectors.testing.damage import damaged
from connectors.testing.documents import CANARY, ODD, document
from connectors.testing.drift import paths_of
from connectors.testing.exchanges import Exchange
from connectors.testing.source import running

JSON = b'{"a": {"b": [{"c": "x1", "d": 1.5}, {"c": "x2"}]}, "e": false, "f": null}'
XML = b'<r xmlns="urn:x"><a><c>x1</c></a><a><c>29</c><d/></a></r>'


def test_json_paths() -> None:
    """A list is one place, and every place comes before what is in it."""
    read = document(JSON)
    assert read is not None
    assert read.paths() == ("a", "a.b", "a.b[]", "a.b[].c", "a.b[].d", "e", "f")
    assert json.loads(read.without("a.b[].c")) == {"a": {"b": [{"d": 1.5}, {}]}, "e": False, "f": None}
    assert json.loads(read.without("a.b[]"))["a"] == {"b": []}
    assert [item["c"] for item in json.loads(read.altered("a.b[].c"))["a"]["b"]] == ["x2", "x3"]
    assert json.loads(read.altered("e"))["e"] is True
    assert json.loads(read.odd("a.b[].d", "list"))["a"]["b"][0]["d"] == [CANARY]
    assert json.loads(read.altered("a")) == json.loads(JSON)


def test_xml_paths() -> None:
    """Namespaces do not matter; an element goes with what is in it."""
    read = document(XML)
    assert read is not None
    assert read.paths() == ("r/a", "r/a/c", "r/a/d")
    assert read.without("r/a/c").endswith(b'<r xmlns="urn:x"><a/><a><d/></a></r>')
    assert read.altered("r/a/c").endswith(b"<a><c>x2</c></a><a><c>28</c><d/></a></r>")
    assert CANARY.encode() in read.odd("r/a/c", "nested")
    assert document(b"%PDF-1.7") is None


@pytest.mark.parametrize("body", [JSON, XML], ids=["json", "xml"])
@pytest.mark.parametrize("kind", ODD)
def test_odd_values_differ(body: bytes, kind: str) -> None:
    """Every odd value changes the document."""
    read = document(body)
    assert read is not None
    assert read.odd(read.paths()[1], kind) != body  # type: ignore[arg-type]


@given(damaged(JSON))
def test_damage_is_no_good_answer(body: bytes) -> None:
    """What still can be read after damage is another answer."""
    try:
        read = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    assert read != msgspec.json.decode(JSON)


class Inner(msgspec.Struct, rename="camel"):
    """Inside."""

    some_value: int | None = None


class Outer(msgspec.Struct):
    """Outside."""

    items: tuple[Inner, ...] | None
    one: Inner


def test_paths_of_a_struct() -> None:
    """As the source writes them."""
    assert paths_of(Outer) == {"items", "items[]", "items[].someValue", "one", "one.someValue"}


def test_answers_are_given_in_order() -> None:
    """Of several for one question each once, the last again; another question is strange; an unused one is named."""
    exchanges = (
        Exchange("GET", "/a", b"1"),
        Exchange("GET", "/a", b"2"),
        Exchange("GET", "/b?x=1", b"3"),
        Exchange("GET", "/c", b"4"),
    )
    with running() as source:
        source.play(exchanges)

        def read(path: str) -> bytes:
            with urllib.request.urlopen(source.url + path) as answer:  # noqa: S310 - our own server
                return answer.read()

        assert [read("/a?page=1"), read("/a"), read("/a"), read("/b?x=1")] == [b"1", b"2", b"2", b"3"]
        with pytest.raises(urllib.error.HTTPError) as error:
            read("/b?x=2")
        error.value.close()
        assert [asked.path for asked in source.strange] == ["/b?x=2"]
        assert source.unused() == exchanges[3:]
