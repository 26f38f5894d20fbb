"""Hears what a connector does beside its answer: logs, prints, connections past the door, files written.

Listens to the whole process, so one run at a time. It judges nothing.
"""

from __future__ import annotations

import logging  # noqa: TID251 - to hear what libraries log; nothing is logged here
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import msgspec


class Heard(msgspec.Struct):
    """What was heard: `said` is everything logged or printed, `connected` where sockets went, `written` files."""

    said: str = ""
    connected: list[str] = []
    written: list[str] = []


_listeners: list[Heard] = []
_hooked: list[bool] = []


@contextmanager
def listening() -> Generator[Heard]:
    """Listen while the context lasts; `said` is complete at its end."""
    if not _hooked:  # an audit hook is for ever
        sys.addaudithook(_hear)
        _hooked.append(True)
    heard, out = Heard(), StringIO()
    handler = logging.StreamHandler(out)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = [handler]
    root.setLevel(logging.DEBUG)
    _listeners.append(heard)
    try:
        with redirect_stdout(out), redirect_stderr(out):
            yield heard
    finally:
        _listeners.remove(heard)
        root.handlers = handlers
        root.setLevel(level)
        heard.said = out.getvalue()


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if not _listeners:
        return
    if event == "socket.connect":
        _listeners[-1].connected.append(_host_port(args[1]))
    elif event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        _listeners[-1].written.append(str(args[0]))


def _host_port(address: object) -> str:
    """`host:port` of an internet address; anything else, as a socket file, as it is."""
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return str(address)
