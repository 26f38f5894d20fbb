"""Collecting: from a login that came back to a source's answer in the vault.

The work lives on when the phone's connection drops, under a lease; the task holds the vault key in memory until the
connector's deadline at most. Who logged in is compared with who logged in before: one identity per person, another for
the partner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import msgspec

from broker.clock import utc
from broker.parts import Parts
from broker.telemetry import collections_total, log, session_ref, where
from connectors.contract import Absent, Connector, Context, Failed, Found, Outcome, Skipped, SourceError, Subject
from connectors.login import Identity, LoginRefused
from connectors.login import refused as login_refused
from connectors.outbound import OutboundError
from schemas.base import Provenance
from schemas.records import SourceRecords, stamped
from sessions import collecting
from sessions.change import Change
from sessions.errors import Refused
from sessions.model import Login, Phone, Role, Session, SourceStatus
from sessions.secrets import random_text
from sessions.store.sessions import Decide, Opened
from sessions.vault import VaultKey, decrypt, encrypt

LOGIN_EXCHANGE_SECONDS = 30.0
PROGRESS_AFTER_SECONDS = 1.0


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


class _StaleError(Exception):
    """Another identity was proven meanwhile: compare again."""


class Collection:
    """The collecting of this process: begins logins, runs jobs in the background, and drops them when it stops."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(
        self, opened: Opened, phone: Phone, key: VaultKey, role: Role, source: str, now: float
    ) -> str | None:
        """Where to log in for this source; None when a fresh identity makes that needless and collecting has begun.

        Raises Refused, LoginRefused.
        """
        collecting.may_act(opened.session, phone, role)
        state = collecting.source_state(opened.session, role, source)
        if state.status is SourceStatus.FAILED and collecting.identity_is_fresh(state, now):
            await self._fetch(opened, phone, key, role, source, None, None, now)
            return None
        return await self._login(opened, phone, role, source, now)

    async def _login(self, opened: Opened, phone: Phone, role: Role, source: str, now: float) -> str:
        digid, parts = self._parts.digid, self._parts
        if digid is None:
            raise LoginRefused("unreachable")
        fresh = _must_be_fresh(opened.session, phone, role)
        asked = self._connector(source).manifest.login
        started = await digid.begin(minimum_level=asked.minimum_level, fresh=fresh, now=utc(now), sms=asked.sms)
        login = Login(
            state=parts.keys.ring.digest("login", started.state),
            nonce=started.nonce,
            verifier=started.verifier,
            phone=phone.id,
            started_at=now,
            fresh=fresh,
        )
        await parts.sessions.move(
            opened.session.id,
            lambda session, _: collecting.begin_login(session, phone, role, source, login),
            now,
            opened,
        )
        return started.url

    async def returned(
        self, opened: Opened, phone: Phone, key: VaultKey, state: str, code: str | None, error: str, now: float
    ) -> tuple[Role, str]:
        """A login came back: with a code collecting begins in the background, without one `error` says why it ended.

        Raises Refused(login-unknown).
        """
        digest = self._parts.keys.ring.digest("login", state)
        role, source, login = collecting.find_login(opened.session, phone, digest, now)
        if code is None:
            await self._parts.sessions.move(
                opened.session.id,
                lambda session, _: collecting.login_ended(session, role, source, login_refused(error).reason),
                now,
                opened,
            )
            return role, source
        await self._fetch(opened, phone, key, role, source, login, code, now)
        return role, source

    async def _fetch(
        self,
        opened: Opened,
        phone: Phone,
        key: VaultKey,
        role: Role,
        source: str,
        login: Login | None,
        code: str | None,
        now: float,
    ) -> None:
        lease = now + self._connector(source).manifest.timeout_seconds + LOGIN_EXCHANGE_SECONDS
        begun = await self._parts.sessions.move(
            opened.session.id,
            lambda session, _: collecting.begin_fetching(session, phone, role, source, lease),
            now,
            opened,
        )
        job = Job(opened=begun, phone=phone, role=role, source=source, lease=lease, key=key, login=login, code=code)
        task = asyncio.create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _connector(self, source: str) -> Connector:
        found = self._parts.connectors.get(source)
        if found is None:
            raise Refused("unknown-source")
        return found

    async def _run(self, job: Job) -> None:
        """Carry a job to its outcome. Whatever goes wrong, the source ends in a state that says so."""
        try:
            outcome = await self._outcome(job)
        except asyncio.CancelledError:
            await self._keep(job, Failed(kind="interrupted"))
            raise
        except Refused as refused:
            log.info("collection.dropped", session_ref=session_ref(job.opened.session.id), reason=refused.code)
            return
        except Exception as error:
            log.error("collection.crashed", connector=job.source, where=where(error))
            outcome = Failed(kind="unreadable", detail="internal")
        await self._keep(job, outcome)

    async def _outcome(self, job: Job) -> Outcome:
        try:
            subject = await self._subject(job)
        except LoginRefused as refused:
            return Failed(kind="login", detail=refused.reason)
        if subject is None:
            return Failed(kind="wrong-person")
        connector = self._connector(job.source)
        try:
            async with asyncio.timeout(connector.manifest.timeout_seconds):
                return await connector.collect(self._context(job, subject))
        except TimeoutError:
            return Failed(kind="timeout")
        except SourceError as error:
            return error.failed
        except OutboundError as error:
            return Failed(kind="timeout" if error.kind == "timeout" else "unavailable", detail=error.kind)

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

    async def _subject(self, job: Job) -> Subject | None:
        """Who this is about: proven by the login, or by the one of less than 15 minutes ago. None: somebody else."""
        if job.login is None or job.code is None:
            return (await self.identities(job.opened.session, job.key)).get((job.role, job.source))
        identity = await self._identity(job, job.login, job.code)
        while True:
            known = await self.identities(job.opened.session, job.key)
            if not _is_expected(identity.bsn, job.role, known):
                return None
            try:
                return await self._prove(job, identity, frozenset(known))
            except _StaleError:
                job.opened = await self._parts.sessions.read(job.opened.session.id)

    async def _prove(self, job: Job, identity: Identity, known: frozenset[tuple[str, str]]) -> Subject:
        """Store the proven identity, provided that it was compared with all there are."""
        subject = Subject(bsn=identity.bsn, level=identity.level)
        name, at = collecting.identity_name(job.role, job.source), identity.authenticated_at.timestamp()

        def decide(session: Session, _: float) -> Change:
            if {_owner(n) for n in _identity_names(session)} - {(job.role, job.source)} - known:
                raise _StaleError
            version = collecting.next_version(session, name)
            sealed = encrypt(job.key, session.id, name, version, msgspec.json.encode(subject))
            return collecting.identified(
                session, job.phone, job.role, job.source, job.lease, sealed, at, identity.level
            )

        await self._move(job, decide)
        return subject

    async def _identity(self, job: Job, login: Login, code: str) -> Identity:
        digid = self._parts.digid
        if digid is None:
            raise LoginRefused("unreachable")
        return await digid.finish(
            code=code,
            started_nonce=login.nonce,
            verifier=login.verifier,
            minimum_level=self._connector(job.source).manifest.login.minimum_level,
            fresh_since=datetime.fromtimestamp(login.started_at, UTC) if login.fresh else None,
            now=utc(self._parts.clock()),
        )

    async def identities(self, session: Session, key: VaultKey) -> dict[tuple[str, str], Subject]:
        """Every identity proven in this attempt, by person and source."""
        sealed = await self._parts.sessions.vault(session.id, _identity_names(session))
        return {
            _owner(name): msgspec.json.decode(
                decrypt(key, session.id, name, session.records[name], sealed[name]), type=Subject
            )
            for name in sealed
        }

    async def _keep(self, job: Job, outcome: Outcome) -> None:
        """Store the outcome; dropped when the session moved on without us (restarted, stopped, lease lost)."""
        collections_total.labels(job.source, type(outcome).__name__.lower()).inc()
        facts = {"reason": outcome.kind} if isinstance(outcome, Failed) else {}
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

    def _kept(self, session: Session, job: Job, outcome: Outcome, now: float) -> Change:
        match outcome:
            case Found(records=records):
                name = collecting.record_name(job.role, job.source)
                plain = _encoded(records, job.source, now)
                version = collecting.next_version(session, name)
                sealed = encrypt(job.key, session.id, name, version, plain)
                return collecting.collected(session, job.role, job.source, job.lease, sealed)
            case Absent():
                return collecting.absent(session, job.role, job.source, job.lease)
            case Skipped(reason=reason):
                return collecting.left_out(session, job.role, job.source, job.lease, reason)
            case Failed(kind=kind, retryable=retryable):
                return collecting.failed(session, job.role, job.source, job.lease, kind, retryable=retryable)

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


def _must_be_fresh(session: Session, phone: Phone, role: Role) -> bool:
    """A fresh login is forced wherever another adult's login may still be remembered in this phone's browser."""
    others = [p for r, p in session.people.items() if r != role]
    return role == "partner" or any(phone.id in other.phones for other in others)


def _is_expected(bsn: str, role: Role, known: Mapping[tuple[str, str], Subject]) -> bool:
    """One identity for all of a person's sources, and another one for the other adult."""
    return all((bsn == other.bsn) == (owner == role) for (owner, _), other in known.items())


def _identity_names(session: Session) -> list[str]:
    return [name for name in session.records if name.endswith("/identity")]


def _owner(name: str) -> tuple[str, str]:
    role, source, _ = name.split("/")
    return role, source


def _encoded(records: SourceRecords, source: str, now: float) -> bytes:
    provenance = Provenance(source=source, transport="api", retrieved_at=utc(now))
    return msgspec.json.encode(stamped(records, provenance))
