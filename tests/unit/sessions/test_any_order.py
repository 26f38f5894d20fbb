"""Whatever happens in whatever order: what must hold of a session holds after every move, refused or not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sessions import collecting, consenting, ending, pairing
from sessions.change import Change
from sessions.errors import Refused
from sessions.lifecycle import DAY, HOUR, MINUTE, Event, deadline
from sessions.model import ENDS, Language, Pairing, PendingPhone, Phone, Role, Session, SourceStatus, State
from tests.unit.sessions import lives
from tests.unit.sessions.lives import NOW, OPTIONAL, REQUIRED

ROLES = st.sampled_from(["applicant", "partner"])
SOURCES = st.sampled_from([REQUIRED, OPTIONAL])
POLICIES = st.sampled_from(["single", "couple", "ask"])
WAITS = st.sampled_from([1.0, 20.0, MINUTE, 2 * MINUTE, 16 * MINUTE, HOUR, 5 * HOUR, DAY])
Move = Callable[[Session], "Change | None"]


class Life(RuleBasedStateMachine):
    """One session under citizens, providers, processes and time; `vault` and `payload` are kept as the store would."""

    @initialize(
        policy=POLICIES, answer=st.sampled_from(["single", "couple"]), linked=st.sampled_from([True, True, False])
    )
    def create(self, policy: Any, answer: str, linked: bool) -> None:
        """Most lives begin with a linked phone: there is more to see there."""
        self.session = lives.created(household=policy)
        self.answer: Any = answer
        self.vault: dict[str, bytes] = {}
        self.payload: bytes | None = None
        self.now = self.seen = NOW
        self.number = 0
        self.codes: set[str] = set()
        self.phones_seen: list[Phone] = []
        if linked:
            self.start()
            self.link("applicant")

    def apply(self, move: Move) -> None:
        """Make a move as the store would carry it out; a refusal leaves everything as it was."""
        before = self.session
        try:
            change = move(before)
        except Refused:
            return
        if change is None:
            return
        assert change.session.sequence == before.sequence + len(change.effects)
        assert all(before.sequence < e.sequence <= change.session.sequence for e in change.effects)
        if change.empty_vault or change.purge:
            self.vault = {}
        self.vault |= change.vault
        for name in change.vault_drop:
            self.vault.pop(name, None)
        self.payload = None if change.purge else change.payload or self.payload
        self.codes = (set() if change.purge else self.codes - set(change.spent_codes)) | set(change.codes)
        self.session = msgspec.msgpack.decode(msgspec.msgpack.encode(change.session), type=Session)
        self.phones_seen += [p for p in self.session.phones if p not in self.phones_seen]

    def fresh(self, name: str) -> str:
        self.number += 1
        return f"{name}-{self.number}"

    def some_phone(self, index: int) -> Phone:
        """Any phone there ever was: also one of an attempt that is gone."""
        return self.phones_seen[index % len(self.phones_seen)] if self.phones_seen else lives.phone("never-linked")

    def request(self, index: int) -> Phone:
        phone = self.some_phone(index)
        if self.session.phone(phone.id):
            self.seen = self.now
        return phone

    @rule()
    def start(self) -> None:
        self.apply(lambda s: pairing.start(s, self.fresh("browser"), self.answer, "evt", self.now))

    @rule(role=ROLES)
    def link(self, role: Role) -> None:
        """A phone is linked the way it should go."""
        self.show(role, typed=False)
        self.scan(role, 0)
        self.type_code(role, right=True)

    @rule(role=ROLES, typed=st.booleans())
    def show(self, role: Role, typed: bool) -> None:
        digest = self.fresh(role)
        if typed and role == "applicant":
            self.apply(lambda s: pairing.show_typed_code(s, digest, self.now))
        else:
            self.apply(lambda s: pairing.show_token(s, digest, role, self.now))

    @rule(role=ROLES, which=st.integers(0, 3))
    def scan(self, role: Role, which: int) -> None:
        way = self.session.pairing if role == "applicant" else self.session.partner_pairing
        shown = [t.digest for t in (*way.tokens, *([way.typed] if way.typed else []))] or ["guess"]
        digest = shown[which % len(shown)]
        phone = lives.phone(self.fresh("phone"), pairing.role_of_token(self.session, digest))
        self.apply(lambda s: pairing.scan(s, digest, phone, "code", self.now))

    @rule(role=ROLES, same_device=st.booleans())
    def scan_again(self, role: Role, same_device: bool) -> None:
        """The answer was lost, or somebody else has the token as well."""
        way = self.session.pairing if role == "applicant" else self.session.partner_pairing
        if way.pending is not None:
            redeemed, phone = way.pending.redeemed, lives.phone(self.fresh("phone"), role)
            if same_device:
                phone = msgspec.structs.replace(phone, thumbprint=way.pending.phone.thumbprint)
            self.apply(lambda s: pairing.scan(s, redeemed, phone, "code", self.now))

    @rule(role=ROLES, right=st.sampled_from([True, True, False]))
    def type_code(self, role: Role, right: bool) -> None:
        code = "code" if right else "wrong"
        self.seen = self.now
        self.apply(lambda s: pairing.type_code(s, code, lives.seal, role, "evt", self.now))

    @rule(right=st.sampled_from([True, True, False]))
    def link_here(self, right: bool) -> None:
        """The browser goes on on its own device, or somebody with another browser tries to."""
        digest, own = self.fresh("here"), self.session.browser
        phone, browser = lives.phone(self.fresh("phone")), own if right and own else "another"
        self.apply(lambda s: pairing.show_token(s, digest, "applicant", self.now, own or "none"))
        self.seen = self.now
        self.apply(lambda s: pairing.link_here(s, digest, browser, phone, lives.seal, "evt", self.now))
        again = msgspec.structs.replace(phone, id=self.fresh("phone"))
        self.apply(lambda s: pairing.link_here(s, digest, browser, again, lives.seal, "evt", self.now))

    @rule(role=ROLES)
    def new_code(self, role: Role) -> None:
        way = self.session.pairing if role == "applicant" else self.session.partner_pairing
        if way.pending is not None:
            waiting = way.pending.phone.id
            self.apply(lambda s: pairing.new_code(s, waiting, "code", self.now))

    @rule(language=st.sampled_from(["nl", "en"]))
    def speak(self, language: Language) -> None:
        self.apply(lambda s: pairing.speak(s, language))

    @rule()
    def more_time(self) -> None:
        self.apply(lambda s: pairing.more_time(s, self.seen, self.now))

    @rule(role=ROLES)
    def decline_pairing(self, role: Role) -> None:
        if role == "partner" and self.session.partner_pairing.pending is None:
            return
        self.apply(lambda s: pairing.unpair(s, role))

    @rule(chance=st.integers(0, 4))
    def restart(self, chance: int) -> None:
        if chance == 4:
            self.apply(pairing.restart)

    @rule(role=ROLES, source=SOURCES, which=st.integers(0, 5))
    def log_in(self, role: Role, source: str, which: int) -> None:
        phone = self.request(which)
        login = collecting.Login(
            state=self.fresh("state"), nonce="", verifier="", phone=phone.id, started_at=self.now, fresh=False
        )
        self.apply(lambda s: collecting.begin_login(s, phone, role, source, login))

    @rule(role=ROLES, source=SOURCES, which=st.integers(0, 5), proven=st.booleans())
    def fetch(self, role: Role, source: str, which: int, proven: bool) -> None:
        phone, lease = self.request(which), self.now + MINUTE
        self.apply(lambda s: collecting.begin_fetching(s, phone, role, source, lease))
        if proven:
            self.apply(lambda s: collecting.identified(s, phone, role, source, lease, role, b"id", self.now, "low"))

    @rule(role=ROLES, source=SOURCES, which=st.integers(0, 5))
    def collect(self, role: Role, source: str, which: int) -> None:
        """A source is collected the way it should go."""
        self.log_in(role, source, which)
        self.fetch(role, source, which, proven=True)
        self.answer_comes(role, source, "found")

    @rule(role=ROLES)
    def everyone_does_their_part(self, role: Role) -> None:
        """What is required is collected for everyone, and one of them consents."""
        for person in self.session.people:
            for which in range(len(self.phones_seen)):
                self.collect("partner" if person == "partner" else "applicant", REQUIRED, which)
        for which in range(len(self.phones_seen)):
            self.consent(role, which)

    @rule(role=ROLES, source=SOURCES, outcome=st.sampled_from(["found", "found", "absent", "failed", "left out"]))
    def answer_comes(self, role: Role, source: str, outcome: str) -> None:
        person = self.session.people.get(role)
        lease = person.sources[source].lease_until if person else None
        moves: dict[str, Move] = {
            "found": lambda s: collecting.collected(s, role, source, lease or 0.0, b"records", at=self.now),
            "absent": lambda s: collecting.absent(s, role, source, lease or 0.0, at=self.now),
            "failed": lambda s: collecting.failed(s, role, source, lease or 0.0, "timeout", retryable=True),
            "left out": lambda s: collecting.left_out(s, role, source, lease or 0.0, "no-field-asked"),
        }
        self.apply(moves[outcome])

    @rule(role=ROLES, source=SOURCES, which=st.integers(0, 5))
    def skip(self, role: Role, source: str, which: int) -> None:
        phone = self.request(which)
        self.apply(lambda s: collecting.skip(s, phone, role, source, "citizen"))

    @rule(role=ROLES, which=st.integers(0, 5))
    def consent(self, role: Role, which: int) -> None:
        phone = self.request(which)

        def decide(session: Session) -> Change:
            consenting.check(session, phone, role)
            after = consenting.given(session, role, lives.consent(phone.id))
            if consenting.is_last(session, role):
                return consenting.send(after, role, b"jwe", "digest", ("evt-data", "evt"), self.now)
            return consenting.keep(after, role, b"receipt")

        self.apply(decide)

    @rule(which=st.integers(0, 5), chance=st.integers(0, 2))
    def amend(self, which: int, chance: int) -> None:
        phone = self.request(which)
        if chance == 2:
            self.apply(lambda s: consenting.amend(s) if s.phone(phone.id) else None)

    @rule(chance=st.integers(0, 3))
    def leave_partner_out(self, chance: int) -> None:
        if chance == 3:
            self.apply(consenting.partner_out)

    @rule(
        event=st.sampled_from([Event.STOP, Event.WITHDRAW, Event.DECLINE, Event.PARTNER_LOST]), chance=st.integers(0, 9)
    )
    def end(self, event: Event, chance: int) -> None:
        if chance == 9:
            self.apply(lambda s: ending.end(s, event, "why", lives.sign, "evt", self.now))

    @rule(digest=st.sampled_from(["digest", "other"]))
    def acknowledge(self, digest: str) -> None:
        self.apply(lambda s: ending.acknowledge(s, digest, lives.sign, "evt", self.now))

    @rule(wait=WAITS, swept=st.booleans(), chance=st.integers(0, 3))
    def time_passes(self, wait: float, swept: bool, chance: int) -> None:
        self.now += wait if chance == 3 else 1.0
        while swept and deadline(self.session, self.seen) <= self.now:
            before = self.session
            change = ending.due(before, self.seen, lives.sign, "evt", self.now)
            assert change is not None, "a deadline passed and nothing was due"
            if change.forget:
                return
            self.apply(lambda _, change=change: change)
            assert self.session != before, "the sweep would come again for ever"

    @invariant()
    def an_end_leaves_nothing(self) -> None:
        session = self.session
        if session.state in ENDS:
            assert (session.phones, session.people, session.records, session.consents) == ((), {}, {}, {})
            assert session.pairing == session.partner_pairing == Pairing()
            assert session.browser is None
            assert (self.vault, self.payload, self.codes) == ({}, None, set())
            assert session.purge_receipt is not None
            assert session.ended_at is not None

    @invariant()
    def the_vault_holds_exactly_what_the_session_names(self) -> None:
        assert set(self.vault) == set(self.session.records)
        if self.session.state is not State.COLLECTING:
            assert self.vault == {}

    @invariant()
    def a_payload_waits_after_consent_and_at_no_other_time(self) -> None:
        assert (self.payload is not None) == (self.session.state is State.CONSENTED)
        if self.payload is not None:
            assert set(self.session.consents) == set(self.session.people)

    @invariant()
    def only_linked_phones_hold_the_vault_key(self) -> None:
        pendings: list[PendingPhone | None] = [self.session.pairing.pending, self.session.partner_pairing.pending]
        assert all(p.phone.vault_key is None for p in pendings if p)
        linked = self.session.state is State.COLLECTING
        assert all((p.vault_key is not None) == linked for p in self.session.phones)
        assert bool(self.session.phones) == (self.session.state in (State.COLLECTING, State.CONSENTED))
        assert [p.role for p in self.session.phones] in (["applicant"], ["applicant", "partner"], [])

    @invariant()
    def a_phone_waits_exactly_while_pairing(self) -> None:
        assert (self.session.pairing.pending is not None) == (self.session.state is State.PAIRING)
        pending, typed = self.session.pairing.pending, self.session.pairing.typed
        if self.session.state is not State.OPENED:
            assert all(token.browser for token in self.session.pairing.tokens)
            assert typed is None or (pending is not None and pending.redeemed == typed.digest)
        assert self.codes == ({typed.digest} if typed else set())

    @invariant()
    def consents_freeze(self) -> None:
        session = self.session
        assert session.frozen == bool(session.consents)
        assert set(session.consents) <= set(session.people) or session.ended
        if session.frozen:
            assert consenting.is_ready(session)
            assert session.state in (State.COLLECTING, State.CONSENTED)
        if session.state is State.COLLECTING:
            receipts = {name.removeprefix("receipt/") for name in session.records if name.startswith("receipt/")}
            assert receipts == set(session.consents)

    @invariant()
    def people_are_those_of_the_household_answer(self) -> None:
        if self.session.people:
            assert set(self.session.people) == {"applicant", *(["partner"] if self.session.partner == "with" else [])}
        owners = {name.split("/")[0] for name in self.session.records} - {"receipt"}
        assert owners <= set(self.session.people)

    @invariant()
    def nobody_acts_for_another(self) -> None:
        """A partner's phone acts for the partner alone; who has one acts nowhere else; strangers nowhere at all."""
        for phone in [*self.phones_seen, lives.phone("never-linked")]:
            may = {role for role in ("applicant", "partner") if self._may(phone, role)}
            if phone not in self.session.phones or self.session.state is not State.COLLECTING:
                assert may == set() or self.session.phone(phone.id) is not None
            elif phone.role == "partner":
                assert may == {"partner"}
            elif len(self.session.phones) == 2:
                assert may == {"applicant"}
            else:
                assert may == set(self.session.people)

    def _may(self, phone: Phone, role: Role) -> bool:
        try:
            collecting.may_act(self.session, phone, role)
        except Refused:
            return False
        return True

    @invariant()
    def a_source_says_one_thing(self) -> None:
        for role, person in self.session.people.items():
            for name, source in person.sources.items():
                assert (source.lease_until is not None) == (source.status is SourceStatus.FETCHING)
                assert (source.login is not None) == (source.status is SourceStatus.LOGIN)
                assert (source.failure is not None) == (source.status is SourceStatus.FAILED)
                if self.session.state is State.COLLECTING:
                    collected = source.status is SourceStatus.COLLECTED
                    assert (f"{role}/{name}" in self.session.records) == collected

    @invariant()
    def there_is_always_a_next_moment(self) -> None:
        assert 0 < deadline(self.session, self.seen) < math.inf


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAnyOrder = Life.TestCase
