"""Reading the phone app's HTML in tests: what stands where, and what a person reads."""

from __future__ import annotations

from typing import cast

from lxml import etree
from lxml.etree import _Element as Element  # pyright: ignore[reportPrivateUsage] - the type has no other name

from sandbox.phone import Phone, Role


class Part:
    """An element of a page, with what is in it."""

    def __init__(self, element: Element) -> None:
        self._element = element

    def get(self, attribute: str) -> str:
        """An attribute; an empty text without it."""
        return self._element.get(attribute, "")

    def words(self) -> str:
        """What is read, with single spaces."""
        return " ".join("".join(cast(list[str], self._element.xpath(".//text()"))).split())

    def all(self, path: str) -> list[Part]:
        """The elements at an XPath below this one."""
        return [Part(found) for found in cast(list[Element], self._element.xpath(f".//{path}"))]

    def at(self, id_: str) -> Part:
        """The one element with this id."""
        (found,) = self.all(f"*[@id='{id_}']")
        return found

    def has(self, id_: str) -> bool:
        """Whether there is an element with this id."""
        return bool(self.all(f"*[@id='{id_}']"))

    def title(self) -> str:
        """The words of the one heading of the first level."""
        (heading,) = self.all("h1")
        return heading.words()

    def actions(self) -> dict[str, str]:
        """The ids of buttons and forms that do something, with what they do."""
        return {found.get("id"): found.get("data-action") for found in self.all("*[@data-action]")}

    def state(self, person: Role, source: str) -> str:
        """The state a source is shown in."""
        return self.at(f"{person}-{source}").get("data-state")


def page(text: str) -> Part:
    """A whole page."""
    return Part(etree.fromstring(text, etree.HTMLParser(encoding="utf-8")))


async def seen(phone: Phone, name: str) -> Part:
    """A screen as the broker gives it for `name`: one section that says which it is."""
    (found,) = page(f"<main>{await phone.screen(name)}</main>").all("main/*")
    assert found.get("class") == "screen"
    return found


async def shown(phone: Phone, name: str) -> str:
    """Which screen the broker gives for `name`."""
    return (await seen(phone, name)).get("data-screen")
