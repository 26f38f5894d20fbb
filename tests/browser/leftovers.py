"""What a browser keeps of a visit, and the search in it for what may not be there.

Allowed: the broker's cookie, out of reach of scripts, and in IndexedDB one key pair that cannot be exported with the
access token it belongs to. A search first plants a value and must find it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from sandbox.residue import forms
from tests.browser.scene import Window

COOKIES = {"__Host-ophaalbrug"}
DIGID_COOKIES = {"sandbox_idp_session"}

_KEPT = (Path(__file__).parent / "kept.js").read_text("utf-8")


async def kept(page: Page) -> dict[str, Any]:
    """Everything scripts can keep for the page's origin: storage, caches, databases, cookies, workers, history."""
    return await page.evaluate(_KEPT)


def leaves(value: Any) -> Iterable[Any]:
    """The innermost values; a key counts as one."""
    if isinstance(value, dict) and "key" not in value:
        value = list(value.values())
    if not isinstance(value, list):
        return [value]
    return [leaf for inner in value for leaf in leaves(inner)]


async def assert_nothing_but_the_key(window: Window, personal: Iterable[str]) -> None:
    """Nothing is kept but what may be, and none of the `personal` values is in it or in any address asked so far.

    For a page of the broker, at any moment of a journey.
    """
    left = await kept(window.page)
    assert (left["local"], left["session"], left["caches"], left["workers"]) == ({}, {}, [], [])
    assert (left["cookies"], left["state"], left["name"]) == ("", None, "")
    _assert_only_keys(left["databases"])
    cookies = await window.context.cookies()
    assert {cookie.get("name") for cookie in cookies} <= COOKIES | DIGID_COOKIES
    assert all(cookie.get("httpOnly") for cookie in cookies)
    told = json.dumps([left, window.watch.addresses, cookies, await window.context.storage_state()], ensure_ascii=False)
    assert found_in(told, personal) == []


async def assert_nothing_at_all(window: Window, personal: Iterable[str]) -> None:
    """After the end: no key and no token either."""
    await assert_nothing_but_the_key(window, personal)
    left = await kept(window.page)
    assert [leaf for records in left["databases"].values() for leaf in leaves(records)] == []


def _assert_only_keys(databases: dict[str, Any]) -> None:
    """One store of one database, with keys that stay where they are and a token."""
    assert len(databases) <= 1, f"more is kept than one store: {sorted(databases)}"
    for entries in databases.values():
        for leaf in leaves(entries):
            if isinstance(leaf, dict):
                assert leaf["key"] == "public" or leaf["extractable"] is False, "a private key can be exported"
                assert leaf["namedCurve"] == "P-256"
            else:
                assert isinstance(leaf, str), f"a {type(leaf).__name__} beside key and token"
                assert leaf == "" or leaf.startswith("obp_"), "a text that is no token"


def found_in(text: str, values: Iterable[str]) -> list[str]:
    """Which of the values are in a text, in whatever form. Raises AssertionError when the search sees nothing."""
    planted = "planted-9f27c4"
    where = f"{text}{planted}".encode()
    found = [value for value in (*values, planted) if any(form in where for form in forms(value))]
    assert found.pop() == planted
    return found
