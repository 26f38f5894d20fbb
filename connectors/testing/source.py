"""A pretend source on a real socket, in a thread of its own so that no task of it is mistaken for one of a connector.

It knows recordings and four ways of misbehaving; it judges nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import msgspec

from connectors.testing.exchanges import Exchange

Manner = Literal["answer", "silent", "cut", "garbage"]
"""`silent`: no answer before the end of the run; `cut`: half an answer; `garbage`: something that is not HTTP."""

_UNKNOWN = 501


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came in; header names are lower case, `path` has its query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Source:
    """Plays one set of exchanges after another; made by `running`. `play` forgets what came before."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.strange: list[Asked] = []  # asked, but in no recording
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._given: list[int] = []
        self._exchanges: tuple[Exchange, ...] = ()
        self._manner: Callable[[Exchange, int], Manner] = _answer_all

    def play(
        self, exchanges: tuple[Exchange, ...], manner: Callable[[Exchange, int], Manner] | None = None
    ) -> threading.Event:
        """From now on answer with these; `manner` says how, by exchange and by the number of the request.

        What is kept silent about stays so until the event that this gives is set.
        """
        with self._lock:
            self._ended.set()
            self._ended = threading.Event()
            self.asked, self.strange = [], []
            self._exchanges, self._given = exchanges, [0] * len(exchanges)
            self._manner = manner or _answer_all
            return self._ended

    def unused(self) -> tuple[Exchange, ...]:
        """The exchanges that nobody asked for."""
        return tuple(one for one, times in zip(self._exchanges, self._given, strict=True) if not times)

    def take(self, asked: Asked) -> tuple[Exchange, Manner, threading.Event]:
        """Note a request; gives what it is to be answered with, how, and the event that ends a silence."""
        with self._lock:
            number = len(self.asked)
            self.asked.append(asked)
            fitting = [index for index, one in enumerate(self._exchanges) if _fits(one, asked)]
            if not fitting:
                self.strange.append(asked)
                return Exchange(asked.method, asked.path, status=_UNKNOWN), "answer", self._ended
            index = next((i for i in fitting if not self._given[i]), fitting[-1])
            self._given[index] += 1
            exchange = self._exchanges[index]
            return exchange, self._manner(exchange, number), self._ended


@contextmanager
def running() -> Generator[Source]:
    """A source on a free port of this machine, while the context lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    source = server.source = Source(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield source
    finally:
        source.play(())  # ends every silence
        server.shutdown()
        server.server_close()
        thread.join()


def _answer_all(exchange: Exchange, number: int) -> Manner:
    del exchange, number
    return "answer"


def _fits(exchange: Exchange, asked: Asked) -> bool:
    path = asked.path if "?" in exchange.path else asked.path.partition("?")[0]
    return (exchange.method, exchange.path) == (asked.method, path) and exchange.when in asked.body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    source: Source

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is nothing to report: that is what some checks are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(method=self.command, path=self.path, headers=headers, body=self.rfile.read(length))
        exchange, manner, ended = self.server.source.take(asked)
        if manner == "answer":
            self._send(exchange, exchange.body)
            return
        self.close_connection = True
        if manner == "silent":
            ended.wait()
        elif manner == "cut":
            self._send(exchange, exchange.body, missing=1)
        else:
            self.wfile.write(b"\x15\x03\x01\x00\x02\x02\x16")  # a TLS alert, as from a port that speaks something else

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815 - what the base class calls

    def _send(self, exchange: Exchange, body: bytes, missing: int = 0) -> None:
        self.send_response(exchange.status)
        self.send_header("Content-Type", exchange.media_type)
        self.send_header("Content-Length", str(len(body) + missing))
        if 300 <= exchange.status < 400:
            self.send_header("Location", self.server.source.url)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Nothing: a request may hold a person."""
