"""The purge is one atomic step: whoever dies at whatever moment, everything of a session is there, or nothing is."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from sessions.store.sessions import SessionStore, key
from tests import stores
from tests.integration.store import examples
from tests.integration.store.examples import everything, session
from tests.stores import Store, connected

ROOT = Path(__file__).resolve().parents[3]
# A process of its own that ends a session, as a worker does, and says that it knows.
ENDING = """
import asyncio, sys
from sessions.store.connection import connect
from sessions.store.sessions import SessionStore
from tests.integration.store import examples

async def end(url, session_id):
    connection = await connect(url)
    await SessionStore(connection).move(session_id, examples.acknowledged, examples.NOW)
    print("known", flush=True)
    await connection.close()

asyncio.run(end(*sys.argv[1:]))
"""
Moment = Literal["before", "half", "after", "never"]


class _Moment:
    """Stands before the store and kills who asks: before the step is sent, half through it, or when it was done.

    What was begun goes on to the store as far as it was sent; an answer to the step never reaches the dead.
    """

    def __init__(self, store: Store, at: Moment) -> None:
        self._socket = store.url.removeprefix("unix://")
        self._at = at
        self._killed = asyncio.Event()
        self.seen = False
        self.url = ""
        self.child: asyncio.subprocess.Process | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_unix_connection(self._socket)
        answers = asyncio.create_task(self._answer(upstream_reader, writer))
        with suppress(ConnectionError):
            while chunk := await reader.read(1 << 20):
                is_step = b"UNLINK" in chunk and b"EVAL" in chunk
                self.seen |= is_step
                sent = {"before": 0, "half": len(chunk) // 2}.get(self._at, len(chunk)) if is_step else len(chunk)
                upstream.write(chunk[:sent])
                await upstream.drain()
                if is_step and self._at in ("before", "half"):
                    self._kill()
                    break
        upstream.close()
        await answers
        writer.close()

    async def _answer(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await upstream.read(1 << 20):
                if self.seen and self._at == "after" and not chunk.startswith(b"-NOSCRIPT"):
                    self._kill()
                    return
                writer.write(chunk)
                await writer.drain()

    def _kill(self) -> None:
        assert self.child is not None
        if not self._killed.is_set():
            self._killed.set()
            self.child.send_signal(signal.SIGKILL)


@asynccontextmanager
async def _standing(store: Store, at: Moment) -> AsyncGenerator[_Moment]:
    moment = _Moment(store, at)
    server = await asyncio.start_server(moment.serve, stores.HOST, 0)
    moment.url = f"redis://{stores.HOST}:{server.sockets[0].getsockname()[1]}"
    try:
        yield moment
    finally:
        server.close()
        await server.wait_closed()


def _lasting(store: Store) -> dict[str, Any]:
    """Everything in the store but the marks of requests, which say nothing and end by themselves."""
    return {name: value for name, value in everything(store).items() if ":request:" not in name}


def _assert_whole(found: dict[str, Any], before: dict[str, Any], session_id: str, *, ended: bool) -> None:
    """Either the session exactly as it was, or its tombstone; and each with the effects that belong to it."""
    if not ended:
        assert found == before
        return
    assert b"CANARY" not in repr(found).encode()
    assert key(session_id, "payload") not in found
    assert found[key(session_id, "session")][b"v"] > before[key(session_id, "session")][b"v"]
    assert {name for name in found if ":effect:" in name} == {
        f"{{p0}}:effect:notice:{session_id}",
        f"{{p0}}:effect:index:{session_id}",
    }


@pytest.mark.parametrize("at", ["before", "half", "after", "never"])
async def test_a_process_that_is_killed_leaves_all_or_nothing(single_store: Store, at: Moment) -> None:
    """kill -9 before the step is sent, half through sending it, and once it is done: never half a purge."""
    async with connected(single_store.url) as connection:
        sessions = SessionStore(connection)
        session_id = await examples.consented(sessions, session())
        before = _lasting(single_store)
        async with _standing(single_store, at) as moment:
            moment.child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", ENDING, moment.url, session_id, cwd=ROOT, stdout=asyncio.subprocess.PIPE
            )
            said, _ = await moment.child.communicate()
            assert moment.seen
        assert said == (b"known\n" if at == "never" else b"")
        assert moment.child.returncode == (0 if at == "never" else -signal.SIGKILL)
        _assert_whole(_lasting(single_store), before, session_id, ended=at in ("after", "never"))
        after = await sessions.move(session_id, examples.acknowledged, examples.NOW)  # whoever comes next goes on
        assert after.session.ended
        assert await sessions.payload(session_id) is None


async def test_a_store_that_dies_while_it_writes_has_all_or_nothing(tmp_path: Path) -> None:
    """Its file cut off at any byte of the step: what it starts with again is the session, or its tombstone."""
    with stores.single(tmp_path) as store:
        log = next((tmp_path / "single" / "appendonlydir").glob("*.incr.aof"))
        async with connected(store.url) as connection:
            session_id = await examples.consented(SessionStore(connection), session())
            before, began = _lasting(store), log.stat().st_size
            await SessionStore(connection).move(session_id, examples.acknowledged, examples.NOW)
        written = log.stat().st_size
        store.nodes[0].kill()
    cuts = sorted({began, began + 1, written - 1, written, *range(began, written, (written - began) // 10)})
    outcomes = [_started_again(tmp_path, cut, before, session_id, ended=cut == written) for cut in cuts]
    assert outcomes == [False] * (len(cuts) - 1) + [True]


def _started_again(folder: Path, size: int, before: dict[str, Any], session_id: str, *, ended: bool) -> bool:
    """Start a store on a copy of the files, the last cut off at `size` bytes; whether the session is ended there."""
    copy = folder / f"cut-{size}"
    shutil.copytree(folder / "single" / "appendonlydir", copy / "single" / "appendonlydir")
    with next((copy / "single" / "appendonlydir").glob("*.incr.aof")).open("rb+") as file:
        file.truncate(size)
    with stores.single(copy) as store:
        found = _lasting(store)
    _assert_whole(found, before, session_id, ended=ended)
    return key(session_id, "payload") not in found
