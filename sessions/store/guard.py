"""Keeps one server process alive exactly as long as its owner.

Run as a script (`python -I -S guard.py SOCKET LOCK_FD SERVER ARG…`) with a pipe to the owner as standard input. When
the owner closes the pipe, or dies in any way (kill -9 too), end of file arrives here and the server is told to stop.
Standard library only, one thread, and nothing of this project: it must start fast and stay small.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

_STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


def _stop_with_parent() -> Callable[[], None]:
    """A preexec function: should the guard itself be killed, the kernel stops the server (Linux only).

    The signal is sent when the *thread* that forked dies; the guard has one thread, so that is the guard.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_for_end_of(*descriptors: int) -> None:
    """Return once one of the pipes is at its end: the owner's (it is gone) or the server's (it has exited)."""
    ready: list[int] = []
    while not ready:
        readable, _, _ = select.select(descriptors, [], [])
        ready = [descriptor for descriptor in readable if os.read(descriptor, 64) == b""]


def _stop(server: subprocess.Popen[bytes], socket_path: str) -> None:
    """Stop the server. Its socket goes first: nobody may adopt a server that is about to leave."""
    with suppress(FileNotFoundError):
        os.unlink(socket_path)
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def guard(socket_path: str, lock: int, command: Sequence[str]) -> int:
    """Run `command` until it exits or the owner is gone; return its exit code.

    The server inherits the locked descriptor `lock`, so the data directory stays locked while either of us lives.
    """
    os.umask(0o077)
    server_end, its_end = os.pipe()
    server = subprocess.Popen(  # noqa: S603  the command of our own embedded.py
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=(lock, its_end),
        restore_signals=False,  # SIGXFSZ stays ignored: at a limit of file size a write fails, and is handled
        preexec_fn=_stop_with_parent(),  # noqa: PLW1509  safe: this process has one thread
    )
    os.close(its_end)
    _wait_for_end_of(sys.stdin.fileno(), server_end)
    if server.poll() is None:
        _stop(server, socket_path)
    return server.wait()


if __name__ == "__main__":
    raise SystemExit(guard(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
