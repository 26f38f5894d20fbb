"""A broker's store with two providers, and the commands that run there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from broker.cli import main
from broker.ledger import Ledger
from broker.parts import Parts, running
from broker.settings import load


class Place:
    """A broker's settings on a store of a test, with two providers, and commands that run there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self._environment = {"OPHAALBRUG_DATA_DIR": str(folder / "data"), "OPHAALBRUG_REDIS_URL": url}

    def run(self, *arguments: str) -> Result:
        """One command; its exit code is one of those that are documented."""
        result = CliRunner(env=self._environment).invoke(main, arguments, prog_name="ophaalbrug")
        assert result.exit_code in (0, 1, 2), result.exception
        return result

    def do(self, act: Callable[[Parts], Awaitable[Any]]) -> Any:
        """Do something with the parts of a broker on this store."""

        async def within() -> Any:
            settings = load(self._environment)
            async with running(settings, settings.redis_url) as parts:
                return await act(parts)

        return asyncio.run(within())

    def enter(self, *receipts: str, provider: str = "gemeente") -> None:
        """Let a worker enter these, one by one."""

        async def act(parts: Parts) -> None:
            for number, receipt in enumerate(receipts):
                await Ledger(parts).enter(provider, "given", receipt, 1_770_000_000.0 + number)

        self.do(act)
