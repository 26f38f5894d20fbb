"""The worker: does what waits in the outbox and what deadlines ask, woken by the store or by the clock, never polling.

Any number of workers may run; work is claimed under a lease, so one that dies is followed up by another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from broker import purge
from broker.delivery import Delivery
from broker.invitations import Messenger
from broker.ledger import Ledger
from broker.parts import Parts
from broker.stopping import stopped
from broker.telemetry import log, where
from sessions import faults
from sessions.delivering import Attempt
from sessions.errors import Refused
from sessions.store.scripts import StoreUnavailable, answer
from sessions.store.work import Claim

CLAIM_AT_ONCE = 32
MOST_AT_ONCE = 256
CRASH_PAUSE_SECONDS = 60.0
SWEEP_LEASE_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 30.0  # a deadline may be brought forward, a wake-up lost: this is how late we can then be
REWRITE_LOOK_SECONDS = 3600.0
STORE_PAUSE_SECONDS = 1.0
CLOCK_DRIFT_SECONDS = 5.0


class Worker:
    """One worker of this process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        delivery, messenger = Delivery(parts), Messenger(parts)
        self._carriers: dict[str, Callable[[Claim], Awaitable[None]]] = {
            "index": self._list,
            "data": delivery.carry_out,
            "notice": delivery.carry_out,
            "mail": messenger.mail,
            "sms": messenger.text,
            "ledger": Ledger(parts).carry_out,
        }
        self._watch = parts.changes.watch("work")
        self._rewrite_at = 0.0
        self._stopping = False
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until `stop`; an outage of the store is waited out."""
        log.info("worker.started")
        while not self._stopping:
            try:
                pause = await self._round()
            except StoreUnavailable:
                log.warning("worker.store_unavailable")
                await asyncio.sleep(STORE_PAUSE_SECONDS)
                continue
            except Exception as error:  # whatever it is, tomorrow's work must not wait for a restart
                log.error("worker.failed", where=where(error))
                await asyncio.sleep(STORE_PAUSE_SECONDS)
                continue
            if len(self._under_way) >= MOST_AT_ONCE:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            elif pause > 0:
                await self._watch.wait(pause)
        await asyncio.gather(*self._under_way, return_exceptions=True)
        log.info("worker.stopped")

    def stop(self) -> None:
        """Finish what is in hand and end."""
        self._stopping = True
        self._watch.wake()

    async def _round(self) -> float:
        """Take everything that is due now; answers how long nothing else will be."""
        now = self._parts.clock()
        if await clock_differs(self._parts):
            log.warning("worker.clock_differs")
            return LOOK_AGAIN_SECONDS
        if now >= self._rewrite_at:
            self._rewrite_at = now + REWRITE_LOOK_SECONDS
            self._start("rewrite", purge.rewrite_log(self._parts))
        first = await self._parts.work.next_due()
        for partition in [p for p, due in first.items() if due <= now]:
            if len(self._under_way) < MOST_AT_ONCE:
                await self._take(partition, self._parts.clock())  # a lease is short, and other partitions took time
        later = [due for due in first.values() if due > now]
        taken = len(later) < len(first)
        return 0.0 if taken else min([LOOK_AGAIN_SECONDS, *(due - now for due in later)])

    async def _take(self, partition: int, now: float) -> None:
        lease = self._parts.settings.lease_seconds
        with faults.during("claim"):
            for claim in await self._parts.work.claim(partition, now, lease, CLAIM_AT_ONCE):
                self._start(claim.queued.effect.kind, self._carry_out(claim))
        with faults.during("deadlines"):
            found = await self._parts.work.claim_deadlines(partition, now, SWEEP_LEASE_SECONDS, CLAIM_AT_ONCE)
            for session_id in found:
                self._start("sweep", purge.sweep(self._parts, session_id))

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(name, work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """One piece of work must never take the worker down: its lease ends and it is tried again."""
        try:
            with faults.during(name):
                await work
                faults.reach("end")
        except (Refused, StoreUnavailable) as error:
            log.info("worker.put_off", reason=str(error))
        except Exception as error:
            log.error("worker.failed", where=where(error))

    async def _carry_out(self, claim: Claim) -> None:
        try:
            await self._carriers[claim.queued.effect.kind](claim)
        except (Refused, StoreUnavailable):
            raise
        except Exception as error:
            log.error("worker.failed", where=where(error))
            now = self._parts.clock()
            attempt = Attempt(at=now, outcome="unknown", answer="interrupted")  # it counts as one
            await self._parts.work.again(claim, now + CRASH_PAUSE_SECONDS, now, attempt)

    async def _list(self, claim: Claim) -> None:
        """Keep the provider's list of sessions up to date, and see that an ended one left nothing behind.

        A session whose provider is gone ends, whenever it was opened.
        """
        queued = claim.queued
        try:
            opened = await self._parts.sessions.read(queued.session)
        except Refused:
            await self._parts.records.drop_listed(queued.provider, queued.session)
        else:
            await self._parts.records.put_listed(opened.session, opened.version)
            if opened.session.ended:
                await purge.check(self._parts, opened, queued.effect.code)
            elif await self._parts.providers.get(queued.provider) is None:  # nobody waits for it any more
                await stopped(self._parts, opened, "provider")
        await self._parts.work.done(claim)


async def clock_differs(parts: Parts) -> bool:
    """Whether our clock and the store's are more than five seconds apart: then deadlines are not ours to judge.

    Raises StoreUnavailable.
    """
    drift = abs(await answer(parts.connection.now()) - parts.clock())
    return drift > CLOCK_DRIFT_SECONDS and not parts.settings.clock_offset_file
