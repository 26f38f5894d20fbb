"""A receiver of webhooks that keeps what came, and answers whatever a test wants it to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from sandbox.backoffice import BackOffice
from sandbox.stage import PROFILES
from tests.answering import answering
from tests.house import House
from tests.integration.provider.asking import registered

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The CloudEvent in it."""
        return msgspec.json.decode(self.body)

    @property
    def kind(self) -> str:
        """The last word of its type."""
        return self.event["type"].rsplit(".", 1)[1]


class Receiver:
    """The webhook of `office`. Answers 204, but first what is in `replies`; checks nothing: that is for the tests.

    `on_data`, while it is set, answers every event with data, and only those.
    """

    def __init__(self, office: BackOffice) -> None:
        self.office = office
        self.came: list[Came] = []
        self.replies: list[Reply] = []
        self.on_data: Reply | None = None
        self._news = asyncio.Condition()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request, and answer what is wanted."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        async with self._news:
            came = Came(method=request.method, path=request.path, headers=headers, body=body)
            self.came.append(came)
            self._news.notify_all()
        if self.on_data is not None and body and came.kind == "data":
            return await self.on_data(request)
        return await self.replies.pop(0)(request) if self.replies else web.Response(status=204)

    async def wait_for(self, holds: Callable[[list[Came]], bool], seconds: float = 10.0) -> list[Came]:
        """Everything that came, once it `holds`. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: holds(self.came))
            return [*self.came]


@asynccontextmanager
async def receiving(house: House, folder: Path) -> AsyncGenerator[Receiver]:
    """A provider of its own whose webhook is a receiver of its own, while the context lasts."""
    office = BackOffice(f"p-{uuid.uuid4().hex}", house.url, house.http, clock=house.now)
    receiver = Receiver(office)
    async with answering(receiver.answer) as url:
        await registered(house, folder, office, PROFILES[:1], f"{url}/haak")
        yield receiver


def status(code: int, **headers: str) -> Reply:
    """Answer with a status; underscores in header names stand for dashes."""

    async def reply(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(status=code, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return reply


async def huge(request: web.Request) -> web.StreamResponse:
    """Answer 200 and a megabyte."""
    del request
    return web.Response(body=b"x" * 2**20)


async def silent(request: web.Request) -> web.StreamResponse:
    """Answer after a minute."""
    del request
    await asyncio.sleep(60)
    return web.Response()
