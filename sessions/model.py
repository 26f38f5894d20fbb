"""What a session is: the record that is kept while it lives, and the tombstone that is left of it.

Times are seconds since the epoch (UTC). Nothing readable about a citizen is in here: collected data live in the vault,
encrypted; secrets appear as HMACs only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

STORED_VERSION = 1

Role = Literal["applicant", "partner"]
ROLES: tuple[Role, ...] = ("applicant", "partner")
HouseholdPolicy = Literal["single", "couple", "ask"]
Language = Literal["nl", "en"]
Transport = Literal["api", "upload"]
Seal = Literal["valid", "invalid", "none"]
InvitationStatus = Literal["waiting", "sent", "failed"]  # failed: the mail server refused the address for good


class State(StrEnum):
    """Where a session is in its life; the last four are ends."""

    CREATED = "created"
    OPENED = "opened"
    PAIRING = "pairing"
    COLLECTING = "collecting"
    CONSENTED = "consented"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNDELIVERED = "undelivered"


ENDS = frozenset({State.DELIVERED, State.CANCELLED, State.EXPIRED, State.UNDELIVERED})


class SourceStatus(StrEnum):
    """How far one person is with one source."""

    TODO = "todo"
    LOGIN = "login"
    FETCHING = "fetching"
    COLLECTED = "collected"
    ABSENT = "absent"
    SKIPPED = "skipped"
    FAILED = "failed"


# The source told what it knows, or that it knows nothing.
ANSWERED = frozenset({SourceStatus.COLLECTED, SourceStatus.ABSENT})


class Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of what is kept in the store; unknown fields are ignored, so an older reader bears a newer writer."""


class Text(Stored, frozen=True, kw_only=True):
    """A text for people, in both languages."""

    nl: str
    en: str


class Profile(Stored, frozen=True, kw_only=True):
    """What a provider may ask, for which purpose, pinned when the session is created.

    `fields` are `connectors.contract.Field` names; `bsn_basis` cites the law that lets the provider have the BSN. With
    `documents` the originals of uploads travel along; with `partial` a required source that failed holds nobody up.
    """

    id: str
    purpose: Text
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    household: HouseholdPolicy = "ask"
    bsn_basis: str | None = None
    sealing: Literal["default", "nlgov"] = "default"
    documents: bool = False
    partial: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """Required and optional sources together."""
        return self.required + self.optional


class Recipient(Stored, frozen=True, kw_only=True):
    """Who receives the data, pinned when the session is created so that a later key or name cannot slip in."""

    provider: str
    name: Text
    key: str  # the public JWK as JSON, with kid
    webhook: bool
    contact: str | None = None  # where its citizens can ask, a mail or web address


class Login(Stored, frozen=True, kw_only=True):
    """A login under way at the identity provider. `state` is an HMAC; nonce and verifier are of use to nobody else."""

    state: str
    nonce: str
    verifier: str
    phone: str
    started_at: float
    fresh: bool


class Upload(Stored, frozen=True, kw_only=True):
    """A document a person handed over for a source, as far as it can be told without opening the vault.

    `mark`, `named` and `born` are HMACs under the vault key (`sessions.vault.mark`): of the document, of each BSN it
    names as such, and of the birth date it gives. They can be compared within this session, and with nothing else.
    `kept_bytes` is the size of the original, when that travels along; `seal` is None where no seals are judged.
    """

    mark: str
    named: tuple[str, ...] = ()
    born: str | None = None
    gaps: tuple[str, ...] = ()
    kept_bytes: int = 0
    seal: Seal | None = None


class SourceState(Stored, frozen=True, kw_only=True):
    """One person's progress with one source.

    `lease_until` belongs to FETCHING. `failure` and `retryable` belong to FAILED, and to a COLLECTED that was asked
    again in vain: what was collected stays; `reason` tells more of a failure `login`. `transport` is how that came:
    `api` where the source itself answered, also when documents were added. `answer_gaps` are the codes of what the
    source could not answer of what it was asked, `born` an HMAC as in Upload.
    """

    status: SourceStatus = SourceStatus.TODO
    failure: str | None = None
    retryable: bool = False
    reason: str | None = None
    lease_until: float | None = None
    login: Login | None = None
    authenticated_at: float | None = None
    level: str | None = None
    settled_at: float | None = None  # when the source's answer was kept, or the last document
    transport: Transport | None = None
    answer_gaps: tuple[str, ...] = ()
    born: str | None = None
    uploads: tuple[Upload, ...] = ()

    @property
    def gaps(self) -> tuple[str, ...]:
        """What is known to be missing from what was collected: codes of findings, each once, in order."""
        return tuple(sorted({*self.answer_gaps, *(gap for upload in self.uploads for gap in upload.gaps)}))


class PersonState(Stored, frozen=True, kw_only=True):
    """One adult's part. `phones` are those on which this person logged in, or from which their documents came: only
    these may see this person's values.

    `identity` is an HMAC of who logged in, under the vault key: it tells two logins apart and nothing else.
    """

    sources: dict[str, SourceState]
    identity: str | None = None
    phones: tuple[str, ...] = ()


class Phone(Stored, frozen=True, kw_only=True):
    """A linked phone: its token's HMAC, its key's thumbprint (RFC 7638), its wrap key, the vault key sealed to it."""

    id: str
    token: str
    thumbprint: str
    wrap_public: bytes
    vault_key: bytes | None = None
    role: Role = "applicant"


class PairingToken(Stored, frozen=True, kw_only=True):
    """A QR token or typed code that was shown: its HMAC and when.

    One that carries `browser` was handed to that browser for its own device: only with the same browser is it good, and
    it needs no pairing code.
    """

    digest: str
    issued_at: float
    browser: str | None = None


class PendingPhone(Stored, frozen=True, kw_only=True):
    """A phone that scanned and waits for its code to be typed. `code` is an HMAC."""

    phone: Phone
    code: str
    redeemed: str
    scanned_at: float
    tries: int = 0


class Pairing(Stored, frozen=True, kw_only=True):
    """One way in for a phone: the tokens shown, the typed code, and the phone that is waiting.

    A typed code that was redeemed stays while that phone waits, and a token that was handed over while the attempt
    lasts: the same device may redeem it again when the answer was lost.
    """

    tokens: tuple[PairingToken, ...] = ()
    typed: PairingToken | None = None
    pending: PendingPhone | None = None


class Consent(Stored, frozen=True, kw_only=True):
    """That an adult consented, to what, and when. The text is in the receipt, which travels in the payload.

    Nothing here may be derived from the text alone: it holds a name, which could then be guessed. `authenticated_at` is
    None for an adult who only handed over documents.
    """

    at: float
    review_digest: str
    phone: str
    shared_phone: bool
    language: str
    authenticated_at: float | None = None
    receipt_digest: str = ""
    entry: str = ""  # the salted hash under which the receipt stands in the ledger


class Session(Stored, frozen=True, kw_only=True):
    """Everything about a session except the data. After the end most of it is gone: see `tombstone`."""

    v: int = STORED_VERSION
    id: str
    provider: str
    profile: Profile
    recipient: Recipient
    language: Language
    household: HouseholdPolicy
    created_at: float
    expires_at: float
    reference: str | None = None
    return_url: str | None = None
    test_case: str | None = None  # in sandbox mode: what the pretend world is to play at the logins
    state: State = State.CREATED
    reason: str | None = None
    contact: bytes | None = None  # whom the invitation goes to, under the server's secret; gone once someone starts
    invitation: InvitationStatus | None = None  # None: the provider invites by itself
    mailed_at: float | None = None  # when the invitation or its last reminder went out
    texts_sent: int = 0  # SMS messages with the address of the phone app
    browser: str | None = None
    former_browsers: tuple[str, ...] = ()
    opened_at: float | None = None
    unpaired: bool = False  # the last phone that scanned was sent away: the page with a fresh QR says so
    attempt_at: float | None = None
    consented_at: float | None = None
    ended_at: float | None = None
    partner: Literal["undecided", "with", "without"] = "undecided"
    pairing: Pairing = Pairing()
    partner_pairing: Pairing = Pairing()
    phones: tuple[Phone, ...] = ()
    people: dict[str, PersonState] = {}
    records: dict[str, int] = {}  # vault record name -> version
    writes: int = 0  # how many vault records were written: a version never comes back
    consents: dict[str, Consent] = {}
    payload_digest: str | None = None
    payload_id: str | None = None
    documents: int = 0  # originals that lie sealed beside the payload
    pulled_at: float | None = None  # when the provider first fetched the payload
    maybe_received: bool = False  # consent was taken back when the provider had the payload, or may have had it
    sequence: int = 0
    attempts: int = 0
    purge_receipt: str | None = None
    closing_secrets: tuple[str, ...] = ()  # HMACs that may still open the closing page
    counts: dict[str, int] = {}
    consent_digests: dict[str, str] = {}  # hashes of the consent receipts, which are not kept here

    @property
    def ended(self) -> bool:
        """Whether the session is in one of its ends."""
        return self.state in ENDS

    @property
    def frozen(self) -> bool:
        """Whether the content is frozen: from the first consent until it is taken back."""
        return bool(self.consents)

    def phone(self, phone_id: str) -> Phone | None:
        """The linked phone with this id."""
        return next((p for p in self.phones if p.id == phone_id), None)
