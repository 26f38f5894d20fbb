"""A store that goes away under a running broker: an honest answer meanwhile, and work goes on afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.house import standing
from tests.integration.provider.asking import ask, problem, until
from tests.stores import single


async def test_without_the_store_every_call_says_so_and_it_passes(tmp_path: Path) -> None:
    """503 `store-unavailable` with Retry-After, not ready but alive; broker and worker go on once it is back."""
    (tmp_path / "house").mkdir()
    with single(tmp_path / "store") as store:
        async with standing(tmp_path / "house", store.url) as house:
            created = await house.office.create_session("bijstand")
            path = f"/v1/sessions/{created.id}"
            (node,) = store.nodes
            node.stop()
            try:
                # Together: each of the first two takes as long as a store may be silent.
                answer, readiness, health = await asyncio.gather(
                    ask(house, "GET", path, caller=house.office),
                    ask(house, "GET", "/readyz"),
                    ask(house, "GET", "/healthz"),
                )
                problem(answer, "store-unavailable")
                assert int(answer.headers["Retry-After"]) > 0
                assert (readiness.status, readiness.json()["store"]) == (503, "unavailable")
                assert health.status == 200
            finally:
                node.resume()
            back = await until(lambda: ask(house, "GET", path, caller=house.office), lambda a: a.status == 200, 30)
            assert back.json()["id"] == created.id
            await house.office.cancel(created.id)
            await house.office.wait_for("cancelled", created.id)
