"""Collecting: from a login that came back to a source's answer in the vault.

The work lives on when the phone's connection drops, under a lease; the task holds the vault key in memory until the
connector's deadline at most. Who logged in is compared with who logged in before: one identity per person, another for
the partner.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import get_args

import msgspec

from broker.caller import Caller
from broker.clock import utc
from broker.contents import birth_mark
from broker.errors import Problem
from broker.parts import Parts
from broker.telemetry import collections_total, log, session_ref, where
from connectors.contract import Absent, Connector, Context, Failed, Found, Outcome, Skipped, Subject, outcome_of
from connectors.login import Identity, LoginRefused, Reason
from connectors.login import refused as login_refused
from schemas.base import Provenance
from schemas.records import SourceRecords, gaps, stamped
from sessions import collecting, faults
from sessions.change import Change
from sessions.errors import Refused
from sessions.model import Login, Phone, Role, Session, SourceStatus
from sessions.secrets import random_text
from sessions.store.scripts import StoreUnavailable
from sessions.store.sessions import Decide, Opened
from sessions.vault import VaultKey, decrypt, encrypt, mark

LOGIN_EXCHANGE_SECONDS = 45.0  # discovery, keys, code and userinfo together; the lease allows for it
PROGRESS_AFTER_SECONDS = 1.0
_LOGIN_REASONS = frozenset(get_args(Reason))  # other details are for operators


class Job(msgspec.Struct, kw_only=True):
    """One person at one source, with what is needed to collect there."""

    opened: Opened  # the session as this job last knew it
    phone: Phone
    role: Role
    source: str
    lease: float
    key: VaultKey
    login: Login | None
    code: str | None


class Collection:
    """The collecting of this process: begins logins, runs jobs in the background, and drops them when it stops."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, caller: Caller, role: Role, source: str) -> str | None:
        """Where to log in for this source; None when a fresh identity makes that needless and collecting has begun.

        Raises Refused, LoginRefused, and Problem(source-unavailable) while it is known that it cannot be asked.
        """
        collecting.may_act(caller.session, caller.linked(), role)
        state = collecting.source_state(caller.session, role, source)
        self._admit(caller, role, source)
        tried = state.status in (SourceStatus.FAILED, SourceStatus.COLLECTED)
        if tried and collecting.identity_is_fresh(state, caller.now):
            await self._fetch(caller, role, source)
            return None
        return await self._login(caller, role, source)

    def _admit(self, caller: Caller, role: Role, source: str) -> None:
        """Refuse early what would fail: nobody is to log in at DigiD for nothing."""
        health, now = self._parts.health, caller.now
        if health.admits(source, now, _person(caller.session, role)):
            return
        condition = health.condition(source, now)
        seconds = condition.until - now if condition and condition.until else 0.0
        raise Problem("source-unavailable", headers={"Retry-After": str(max(1, math.ceil(seconds)))})

    async def _login(self, caller: Caller, role: Role, source: str) -> str:
        digid, parts, phone = self._parts.digid, self._parts, caller.linked()
        if digid is None:
            raise LoginRefused("unreachable")
        fresh = _must_be_fresh(caller.session, phone, role)
        asked = self._connector(source).manifest.login
        started = await digid.begin(
            minimum_level=asked.minimum_level,
            fresh=fresh,
            now=utc(caller.now),
            sms=asked.sms,
            hint=_hint(caller.session, role),
        )
        login = Login(
            state=parts.keys.ring.digest("login", started.state),
            nonce=started.nonce,
            verifier=started.verifier,
            phone=phone.id,
            started_at=caller.now,
            fresh=fresh,
        )
        await self._moved(caller, lambda session, _: collecting.begin_login(session, phone, role, source, login))
        return started.url

    async def returned(self, caller: Caller, state: str | None, code: str | None, error: str) -> None:
        """A login came back: with a code collecting begins in the background, without one `error` says why it ended.

        `state` may only lack beside an error. Raises Refused(login-unknown).
        """
        digest = None if state is None else self._parts.keys.ring.digest("login", state)
        role, source, login = collecting.find_login(caller.session, caller.linked(), digest, caller.now)
        if code is not None:
            await self._fetch(caller, role, source, login, code)
            return
        reason = login_refused(error).reason
        self._parts.health.note(source, Failed(kind="login"), caller.now, _person(caller.session, role))
        await self._moved(caller, lambda session, _: collecting.login_ended(session, role, source, login, reason))

    async def _fetch(
        self, caller: Caller, role: Role, source: str, login: Login | None = None, code: str | None = None
    ) -> None:
        phone = caller.linked()
        lease = caller.now + self._connector(source).manifest.timeout_seconds + LOGIN_EXCHANGE_SECONDS
        with ExitStack() as closing:
            key = closing.enter_context(caller.vault_key())
            begun = await self._moved(
                caller, lambda session, _: collecting.begin_fetching(session, phone, role, source, lease, login)
            )
            job = Job(opened=begun, phone=phone, role=role, source=source, lease=lease, key=key, login=login, code=code)
            task = asyncio.create_task(self._run(job))
            closing.pop_all()  # the key is the task's from here on
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: key.close())  # also of one that was cancelled before it began

    async def _moved(self, caller: Caller, decide: Decide) -> Opened:
        return await self._parts.sessions.move(caller.session.id, decide, caller.now, caller.opened)

    def _connector(self, source: str) -> Connector:
        found = self._parts.connectors.get(source)
        if found is None:
            raise Refused("unknown-source")
        return found

    async def _run(self, job: Job) -> None:
        """Carry a job to its outcome. Whatever goes wrong, the source ends in a state that says so."""
        with faults.during("fetch"):
            await self._carried_out(job)
            faults.reach("end")

    async def _carried_out(self, job: Job) -> None:
        try:
            outcome = await self._outcome(job)
        except asyncio.CancelledError:
            await self._keep(job, Failed(kind="interrupted"))
            raise
        except Refused as refused:
            log.info("collection.dropped", session_ref=session_ref(job.opened.session.id), reason=refused.code)
            return
        except StoreUnavailable:
            outcome = Failed(kind="interrupted")
        except Exception as error:
            log.error("collection.crashed", connector=job.source, where=where(error))
            outcome = Failed(kind="unreadable", detail="internal")
        await self._keep(job, outcome)

    async def _outcome(self, job: Job) -> Outcome:
        try:
            subject = await self._subject(job)
        except LoginRefused as refused:
            return Failed(kind="login", detail=refused.reason)
        except Refused as refused:
            if refused.code != "wrong-person":
                raise
            return Failed(kind="wrong-person")
        faults.reach("source")
        return await outcome_of(self._connector(job.source), self._context(job, subject))

    def _context(self, job: Job, subject: Subject) -> Context:
        return Context(
            subject=subject,
            fields=frozenset(job.opened.session.profile.fields),  # pyright: ignore[reportArgumentType] - checked on entry
            door=self._parts.sources,
            now=utc(self._parts.clock()),
            request_id=random_text(12),
            progress=self._progress(job),
        )

    def _progress(self, job: Job) -> Callable[[str], Awaitable[None]]:
        started = self._parts.clock()

        async def progress(part: str) -> None:
            now = self._parts.clock()
            if now - started < PROGRESS_AFTER_SECONDS:
                return
            await self._move(job, lambda s, _: collecting.progressed(s, job.role, job.source, job.lease, part))

        return progress

    async def _subject(self, job: Job) -> Subject:
        """Who this is about: proven by the login, or by the one of less than 15 minutes ago.

        Raises LoginRefused, and Refused(wrong-person) for somebody else than before.
        """
        if job.login is None or job.code is None:
            return await self._known(job)
        identity = await self._identity(job, job.login, job.code)
        subject = Subject(bsn=identity.bsn, level=identity.level)
        name, at = collecting.identity_name(job.role, job.source), identity.authenticated_at.timestamp()
        identity_mark = mark(job.key, "identity", identity.bsn.encode())

        def decide(session: Session, _: float) -> Change:
            version = collecting.next_version(session)
            sealed = encrypt(job.key, session.id, name, version, msgspec.json.encode(subject))
            return collecting.identified(
                session, job.phone, job.role, job.source, job.lease, identity_mark, sealed, at, identity.level
            )

        await self._move(job, decide)
        return subject

    async def _known(self, job: Job) -> Subject:
        """The identity proven for this source before; while we hold the lease nobody else writes it."""
        session, name = job.opened.session, collecting.identity_name(job.role, job.source)
        sealed = await self._parts.sessions.vault(session.id, [name])
        plain = decrypt(job.key, session.id, name, session.records[name], sealed[name])
        return msgspec.json.decode(plain, type=Subject)

    async def _identity(self, job: Job, login: Login, code: str) -> Identity:
        digid = self._parts.digid
        if digid is None:
            raise LoginRefused("unreachable")
        faults.reach("login")
        try:
            async with asyncio.timeout(LOGIN_EXCHANGE_SECONDS):
                return await digid.finish(
                    code=code,
                    started_nonce=login.nonce,
                    verifier=login.verifier,
                    minimum_level=self._connector(job.source).manifest.login.minimum_level,
                    fresh_since=datetime.fromtimestamp(login.started_at, UTC) if login.fresh else None,
                    now=utc(self._parts.clock()),
                )
        except TimeoutError:
            raise LoginRefused("unreachable") from None

    async def _keep(self, job: Job, outcome: Outcome) -> None:
        """Store the outcome; dropped when the session moved on without us (restarted, stopped, lease lost)."""
        collections_total.labels(job.source, type(outcome).__name__.lower()).inc()
        facts = {"reason": outcome.kind} if isinstance(outcome, Failed) else {}
        self._parts.health.note(job.source, outcome, self._parts.clock(), _person(job.opened.session, job.role))
        log.info(
            "collection.answered",
            connector=job.source,
            session_ref=session_ref(job.opened.session.id),
            outcome=type(outcome).__name__.lower(),
            role=job.role,
            **facts,
        )
        try:
            await self._move(job, lambda session, now: self._kept(session, job, outcome, now))
        except Refused as refused:
            log.info("collection.dropped", session_ref=session_ref(job.opened.session.id), reason=refused.code)
        except StoreUnavailable:  # the lease will end, as an interruption
            log.warning("collection.dropped", connector=job.source, reason="store-unavailable")

    def _kept(self, session: Session, job: Job, outcome: Outcome, now: float) -> Change:
        match outcome:
            case Found(records=records):
                name = collecting.record_name(job.role, job.source)
                plain = _encoded(records, job.source, now)
                version = collecting.next_version(session)
                sealed = encrypt(job.key, session.id, name, version, plain)
                born, missing = birth_mark(records, job.key), gaps(records)
                return collecting.collected(
                    session, job.role, job.source, job.lease, sealed, at=now, gaps=missing, born=born
                )
            case Absent():
                return collecting.absent(session, job.role, job.source, job.lease, at=now)
            case Skipped(reason=reason):
                return collecting.left_out(session, job.role, job.source, job.lease, reason)
            case Failed(kind=kind, retryable=retryable, detail=detail):
                reason = detail if kind == "login" and detail in _LOGIN_REASONS else None
                return collecting.failed(
                    session, job.role, job.source, job.lease, kind, retryable=retryable, reason=reason
                )

    async def _move(self, job: Job, decide: Decide) -> None:
        """A move of this job; it knows the session from its last one, which saves reading it again."""
        session_id = job.opened.session.id
        job.opened = await self._parts.sessions.move(session_id, decide, self._parts.clock(), job.opened)

    async def stop(self) -> None:
        """Stop every job; their sources become `failed (interrupted)`, which can be retried."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _person(session: Session, role: Role) -> str:
    """One person of one session, for who must tell people apart and need not know them."""
    return f"{session_ref(session.id)}:{role}"


def _hint(session: Session, role: Role) -> str | None:
    """What the pretend world is to play, and for whom; only a broker in sandbox mode makes such sessions."""
    return session.test_case and f"test-case:{session.test_case}:{role}"


def _must_be_fresh(session: Session, phone: Phone, role: Role) -> bool:
    """A fresh login is forced wherever another adult's login may still be remembered in this phone's browser."""
    others = [p for r, p in session.people.items() if r != role]
    return role == "partner" or any(phone.id in other.phones for other in others)


def _encoded(records: SourceRecords, source: str, now: float) -> bytes:
    provenance = Provenance(source=source, transport="api", retrieved_at=utc(now))
    return msgspec.json.encode(stamped(records, provenance))
