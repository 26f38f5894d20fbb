"""The door's judgement of addresses, at the socket: however a host is written or looked up, what is dialled counts.

Sockets are real; the resolver is the outside world's, so these tests answer for it.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiohttp import web

from connectors.outbound import Door, OutboundError

NAME = "haak.gemeente.example"
HERE = "127.0.0.1"  # what stands for a public address: the only one that answers in a test
PRIVATE = "10.0.0.1"
# One address of each kind that is not for the public internet.
KINDS = {
    "loopback": "127.8.9.10",
    "loopback-v6": "::1",
    "private-10": PRIVATE,
    "private-172": "172.31.255.255",
    "private-192": "192.168.0.1",
    "link-local-with-metadata": "169.254.169.254",
    "link-local-v6": "fe80::1",
    "cgnat": "100.127.255.255",
    "unique-local": "fdff::1",
    "documentation": "203.0.113.7",
    "documentation-1": "192.0.2.1",
    "documentation-2": "198.51.100.1",
    "protocol-assignments": "192.0.0.170",
    "this-network": "0.1.2.3",
    "documentation-v6": "2001:db8::1",
    "documentation-v6-new": "3fff::1",
    "benchmarking": "198.19.0.1",
    "nat64": "64:ff9b::a00:1",
    "nat64-local": "64:ff9b:1::a00:1",
    "6to4": "2002:a00:1::1",
    "6to4-relay": "192.88.99.1",
    "teredo": "2001:0:a00:1::1",
    "mapped": "::ffff:10.0.0.1",
    "compatible": "::10.0.0.1",
    "translated": "::ffff:0:10.0.0.1",
    "multicast": "224.0.0.1",
    "multicast-own": "239.255.255.255",
    "multicast-v6": "ff02::1",
    "unspecified": "0.0.0.0",  # noqa: S104
    "unspecified-v6": "::",
    "broadcast": "255.255.255.255",
    "class-e": "250.0.0.1",
    "discard-only": "100::1",
    "site-local": "fec0::1",
    "segment-routing": "5f00::1",
}
every_kind = pytest.mark.parametrize("address", KINDS.values(), ids=KINDS.keys())

_dialled: list[str] = []
_is_watching = False


def _watch(event: str, given: tuple[Any, ...]) -> None:
    if _is_watching and event == "socket.connect" and isinstance(given[1], tuple):
        _dialled.append(str(given[1][0]))


sys.addaudithook(_watch)  # sees every connection this process makes, whoever makes it; it cannot be taken away again


@contextmanager
def dialling() -> Generator[list[str]]:
    """The addresses this process connects to while the context lasts."""
    global _is_watching  # noqa: PLW0603
    _dialled.clear()
    _is_watching = True
    try:
        yield _dialled
    finally:
        _is_watching = False


class Resolver:
    """The names of the outside world: `addresses` is what any name means, in this order."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        return [self._entry(address, port) for address in self.addresses]

    def _entry(self, address: str, port: int) -> tuple[Any, ...]:
        if ":" in address:
            return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0))
        return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Answers every look-up."""
    answering = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", answering)
    return answering


@asynccontextmanager
async def served(status: int = 200, **headers: str) -> AsyncGenerator[int]:
    """A host at `HERE` that gives one answer to everything and hangs up; gives its port."""

    async def handler(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, headers={**headers, "Connection": "close"})

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, HERE, 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def given(*, allow_loopback: bool = False) -> AsyncGenerator[Door]:
    door = Door.given(allow_loopback=allow_loopback)
    try:
        yield door
    finally:
        await door.close()


async def kind_of(door: Door, url: str) -> str:
    with pytest.raises(OutboundError) as caught:
        await door.request("GET", url, timeout_seconds=5.0)
    return caught.value.kind


@every_kind
async def test_no_address_that_is_not_public_is_dialled_as_it_stands(address: str) -> None:
    """Written in the address itself: no resolver sees it, the socket does."""
    async with given() as door:
        with dialling() as dialled:
            assert await kind_of(door, f"https://{f'[{address}]' if ':' in address else address}/") == "address"
    assert dialled == []


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "10.1",
        "127.0.0.1.",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:0a00:0001]",
        "[fe80::1%25lo]",
        "\uff11\uff12\uff17.0.0.1",
        "127\u30020\u30020\u30021",
    ],
)
async def test_no_way_of_writing_an_address_gets_past(host: str) -> None:
    """Decimal, octal, hexadecimal, short, mapped, zoned, in full-width digits or with other dots."""
    async with given() as door:
        with dialling() as dialled:
            assert await kind_of(door, f"https://{host}/") == "address"
    assert dialled == []


@every_kind
async def test_no_address_that_is_not_public_is_dialled_for_a_name(resolver: Resolver, address: str) -> None:
    """A name of the provider's own choosing, which means an address inside."""
    resolver.addresses = (address,)
    async with given() as door:
        with dialling() as dialled:
            assert await kind_of(door, f"https://{NAME}/") == "address"
    assert (dialled, resolver.asked) == ([], 1)


@pytest.mark.parametrize(
    "addresses",
    [(PRIVATE, HERE), (HERE, PRIVATE), ("fd00::1", HERE), ("::ffff:10.0.0.1", HERE), (PRIVATE, "fd00::1", HERE)],
    ids=["private-first", "private-last", "unique-local", "mapped", "two-of-three"],
)
async def test_of_several_addresses_only_the_public_one_is_dialled(
    resolver: Resolver, addresses: tuple[str, ...]
) -> None:
    """A name may mean both: the one inside is passed over, and the other one answers."""
    resolver.addresses = addresses
    async with served() as port, given(allow_loopback=True) as door:
        with dialling() as dialled:
            assert (await door.request("GET", f"http://localhost:{port}/")).status == 200
    assert dialled == [HERE]


async def test_an_address_inside_is_no_way_out_when_the_public_one_is_down(resolver: Resolver) -> None:
    """Nor is the other one tried when the first does not answer."""
    resolver.addresses = (HERE, PRIVATE)
    async with served() as port:
        free = port
    async with given(allow_loopback=True) as door:
        with dialling() as dialled:
            assert await kind_of(door, f"http://localhost:{free}/") in ("connection", "address")
    assert dialled == [HERE]


async def test_a_name_that_moves_inside_is_not_followed(resolver: Resolver) -> None:
    """DNS rebinding: what a name meant a moment ago counts for nothing, every connection is judged by its address."""
    resolver.addresses = (HERE,)
    async with served() as port, given(allow_loopback=True) as door:
        with dialling() as dialled:
            assert (await door.request("GET", f"http://localhost:{port}/")).status == 200
            await door.close()  # and with it what it remembers of names
            resolver.addresses = (PRIVATE,)
            assert await kind_of(door, f"http://localhost:{port}/") == "address"
    assert (dialled, resolver.asked) == ([HERE], 2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_inside_is_not_dialled(status: int) -> None:
    """A public host that points at one inside: the answer is a refusal, and no connection follows."""
    async with served(status, Location=f"http://{PRIVATE}/") as port, given(allow_loopback=True) as door:
        with dialling() as dialled:
            assert await kind_of(door, f"http://{HERE}:{port}/") == "redirect"
    assert dialled == [HERE]
