"""`ophaalbrug ledger`, run for real: what an operator is told of whole and broken ledgers, in words and exit codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker import providers
from broker.keys import make
from broker.ledger import Ledger
from broker.parts import Parts, running
from sandbox.backoffice import BackOffice
from sandbox.stage import NAME, PROFILES
from schemas.ledger import LedgerLine
from tests.integration.cli.place import Place
from tests.stores import Store


def _line(number: int, written: bytes) -> LedgerLine:
    line = msgspec.json.decode(written, type=LedgerLine)
    assert line.number == number
    return line


def test_a_ledger_is_verified_exported_and_compared(place: Place) -> None:
    """Whole: exit code 0, by itself and beside any earlier export of it, on every kind of store."""
    empty = place.run("ledger", "verify")
    assert (empty.exit_code, empty.stdout) == (0, "gemeente\twhole\t0\t-\nnotaris\twhole\t0\t-\n")
    place.enter("a" * 64, "b" * 64)
    file = place.folder / "earlier.jsonl"
    assert place.run("ledger", "export", "gemeente", "--output", str(file)).exit_code == 0
    first, second, *heads = file.read_bytes().splitlines()
    assert (_line(1, first).receipt, _line(2, second).receipt) == ("a" * 64, "b" * 64)
    assert [[*json.loads(head)] for head in heads] == [["head"], ["head"]]
    place.enter("c" * 64, "a" * 64)
    place.enter("d" * 64, provider="notaris")
    verified = place.run("ledger", "verify", "gemeente", "--export", str(file))
    assert (verified.exit_code, verified.stderr) == (0, "")
    assert verified.stdout.startswith("gemeente\twhole\t3\t")
    assert place.run("ledger", "export", "gemeente").stdout_bytes.splitlines()[:2] == [first, second]


def test_workers_at_once_make_one_whole_ledger(place: Place) -> None:
    """Two processes enter more than a hundred, each entry by both: every one is there once, and heads were kept."""

    async def act(parts: Parts) -> None:
        async with running(parts.settings, parts.settings.redis_url) as other:
            workers = (Ledger(parts), Ledger(other))
            entries = [f"{number:064x}" for number in range(110)]
            await asyncio.gather(*(w.enter("gemeente", "given", entry, 1.0) for entry in entries for w in workers))

    place.do(act)
    verified = place.run("ledger", "verify", "gemeente")
    assert (verified.exit_code, verified.stderr) == (0, "")
    assert verified.stdout.startswith("gemeente\twhole\t110\t")
    lines = place.run("ledger", "export", "gemeente").stdout_bytes.splitlines()
    assert len(lines) == 110 + 3  # heads of 1, 101 and 110 lines


async def _changed(parts: Parts) -> None:
    line = await parts.connection.client.hget("{c:gemeente}:lines", "2")
    await parts.connection.client.hset("{c:gemeente}:lines", "2", line.replace(b"b" * 64, b"e" * 64))


async def _removed(parts: Parts) -> None:
    await parts.connection.client.hdel("{c:gemeente}:lines", "2")


async def _inserted(parts: Parts) -> None:
    line = await parts.connection.client.hget("{c:gemeente}:lines", "2")
    await parts.connection.client.hset("{c:gemeente}:lines", "4", line)


async def _reordered(parts: Parts) -> None:
    client = parts.connection.client
    one, other = await client.hmget("{c:gemeente}:lines", ["1", "2"])
    await client.hset("{c:gemeente}:lines", mapping={"1": other, "2": one})


async def _truncated(parts: Parts) -> None:
    await parts.connection.client.hdel("{c:gemeente}:lines", "3")
    await parts.connection.client.hset("{c:gemeente}:head", "size", "2")


@pytest.mark.parametrize("act", [_changed, _removed, _inserted, _reordered, _truncated])
def test_what_was_done_to_it_is_told(place: Place, act: Callable[[Parts], Awaitable[None]]) -> None:
    """Exit code 1, the fault in words on standard error, and no other provider's ledger is blamed."""
    place.enter("a" * 64, "b" * 64, "c" * 64)
    place.do(act)
    result = place.run("ledger", "verify")
    assert result.exit_code == 1
    assert [line.split("\t")[:2] for line in result.stdout.splitlines()] == [
        ["gemeente", "broken"],
        ["notaris", "whole"],
    ]
    assert result.stderr
    assert all(line.startswith("gemeente: ") for line in result.stderr.splitlines())


def test_a_ledger_that_is_gone_is_found_by_an_export(place: Place) -> None:
    """By itself it is one that nothing was added to; the earlier export says that there was more."""
    place.enter("a" * 64)
    file = place.folder / "earlier.jsonl"
    file.write_bytes(place.run("ledger", "export", "gemeente").stdout_bytes)
    place.do(lambda parts: Ledger(parts).drop("gemeente"))
    assert place.run("ledger", "verify", "gemeente").exit_code == 0
    result = place.run("ledger", "verify", "gemeente", "--export", str(file))
    assert result.exit_code == 1
    assert "gemeente: 1 lines were exported, and 0 are there" in result.stderr.splitlines()


def test_what_cannot_be_told_is_another_exit_code(tmp_path: Path, single_store: Store) -> None:
    """Exit code 2: nobody of that name, a file that is none, an export without a name; one line says why."""
    place = Place(tmp_path, single_store.url)
    file = tmp_path / "earlier.jsonl"
    file.write_bytes(b"nonsense\n")
    (tmp_path / "keys.jwks").write_bytes(b'["nonsense"]')
    asked = [
        ("gemeente",),
        ("--export", str(file)),
        ("--keys", str(tmp_path / "keys.jwks")),
        ("--export", str(tmp_path / "nothing")),
    ]
    for arguments in asked:
        result = place.run("ledger", "verify", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Error: " in result.stderr
    assert place.run("ledger", "export", "gemeente").exit_code == 1


def test_heads_signed_before_a_change_of_keys(tmp_path: Path, single_store: Store) -> None:
    """After other signing keys the former JWKS is given along; without it the former heads are unknown."""
    place = Place(tmp_path, single_store.url)
    http: Any = None
    office = BackOffice("gemeente", "https://brug.example", http)
    (tmp_path / "p.toml").write_text(office.provider_file(PROFILES[:1], name=NAME, webhook_url=None), encoding="utf-8")
    place.do(lambda parts: parts.providers.put(providers.read_file(tmp_path / "p.toml")))
    place.enter("a" * 64)

    async def published(parts: Parts) -> bytes:
        return msgspec.json.encode(parts.keys.jwks())

    (tmp_path / "former.jwks").write_bytes(place.do(published))
    path = tmp_path / "data" / "keys.json"
    kept = json.loads(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**kept, "es256": make().es256}))
    place.enter("b" * 64)
    assert place.run("ledger", "verify", "gemeente").exit_code == 1
    told = place.run("ledger", "verify", "gemeente", "--keys", str(tmp_path / "former.jwks"))
    assert (told.exit_code, told.stderr) == (0, "")
