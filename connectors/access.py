"""How a source may be asked: the settings every source shares, and the one place where its questions go out.

Owns proof of who we are (key, OIN, token, certificate), the deadline, turns, tracing headers, and asking once more when
that is safe. It knows no message, and keeps nothing of a person.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from connectors.access_tokens import OAuth, Tokens
from connectors.contract import Context, FailureKind, SourceError
from connectors.outbound import Answer, ClientCertificate, OutboundError, host_port

RETRY_STATUSES = frozenset({502, 503, 504})
RETRY_AFTER_SECONDS = 2.0  # who asks for more patience than this is not asked again
RETRY_SHARE = 10  # of so many questions to a host one may be a repeated one
JITTER_SECONDS = (0.05, 0.25)  # who failed together does not ask again together
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # a field name (RFC 9110, 5.1)
_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
_OURS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "soapaction",
        "te",
        "traceparent",
        "tracestate",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-correlation-id",
        "x-request-id",
    }
)
_random = secrets.SystemRandom()


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every source's settings have: how we prove ourselves there, and how it may be asked. Files are PEM.

    Municipal gateways for Haal Centraal want the OIN in X-Origin-OIN; Digikoppeling REST and FSC have no header for it,
    there it stands in the certificate. `headers` go along with every question, for gateways that want a purpose named.
    """

    api_key: str | None = None
    api_key_header: str = "X-API-KEY"
    oin: Annotated[str, Meta(pattern=r"^[0-9]{20}\Z")] | None = None
    oin_header: str = "X-Origin-OIN"
    headers: dict[str, str] = {}
    certificate_file: str | None = None  # shown to the source (mutual TLS)
    key_file: str | None = None
    authority_file: str | None = None  # who the source's own certificate must come from; default the system's CAs
    oauth: OAuth | None = None
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 10.0  # for one question: waiting, tokens and repeats in it
    concurrency: Annotated[int, Meta(ge=1, le=32)] = 8  # questions at a time, of one process

    def __post_init__(self) -> None:
        for url in self.urls():
            host_port(url)
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together")
        if (
            self.oauth is not None
            and self.oauth.client_authentication == "tls_client_auth"
            and self.certificate_file is None
        ):
            raise ValueError("tls_client_auth needs a certificate_file")
        self._check_headers()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.urls()))})"  # never a key

    def urls(self) -> tuple[str, ...]:
        """The addresses in these settings, without the token endpoint's; what has one overrides it."""
        return ()

    def hosts(self) -> frozenset[str]:
        """The `host:port` pairs that must be reached."""
        token_urls = () if self.oauth is None else (self.oauth.token_url,)
        return frozenset(host_port(url) for url in (*self.urls(), *token_urls))

    def certificates(self) -> dict[str, ClientCertificate]:
        """How we and each of the hosts prove ourselves by TLS; empty when nothing is set."""
        if self.certificate_file is None and self.authority_file is None:
            return {}
        shown = ClientCertificate(
            certificate_file=self.certificate_file, key_file=self.key_file, authority_file=self.authority_file
        )
        return dict.fromkeys(self.hosts(), shown)

    def credentials(self) -> dict[str, str]:
        """The headers that say who asks, the same for every question."""
        named = ((self.api_key_header, self.api_key), (self.oin_header, self.oin))
        return {**self.headers, **{name: value for name, value in named if value is not None}}

    def _check_headers(self) -> None:
        taken = [self.api_key_header.lower(), self.oin_header.lower(), *(name.lower() for name in self.headers)]
        if self.oauth is not None:
            taken.append("authorization")
        if len(set(taken)) < len(taken) or not _OURS.isdisjoint(taken):
            raise ValueError("headers that are set twice, or that are ours to set")
        sent = self.credentials()
        if not all(map(_HEADER.fullmatch, taken)) or not all(map(_VALUE.fullmatch, sent.values())):
            raise ValueError("a header has a name or a value that cannot be sent")


class _Question(msgspec.Struct, frozen=True):
    """One question, which is put at most twice before `deadline` (the event loop's clock).

    `body` may make the body: what is signed and numbered is made anew for every time it is put.
    """

    context: Context
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | Callable[[], bytes] | None
    max_bytes: int
    deadline: float


class _Budget(msgspec.Struct):
    """How often a host may be asked again: one in ten of the questions it lately got, and else one a minute.

    The most it saves up is what a hundred questions earn. A host that is down is thus asked little more than before,
    however many wait for it.
    """

    earned: int = 0
    free_at: float = 0.0

    def asked(self) -> None:
        self.earned = min(self.earned + 1, 10 * RETRY_SHARE)

    def spends(self, now: float) -> bool:
        """Whether there is a repeat to spend; then it is spent."""
        if self.earned >= RETRY_SHARE:
            self.earned -= RETRY_SHARE
            return True
        if now < self.free_at:
            return False
        self.free_at = now + 60.0
        return True


class Client:
    """Asks one source, for everybody in this process. Belongs to the event loop that first uses it."""

    def __init__(self, access: Access) -> None:
        """Raises ValueError when a secret or a key cannot be read."""
        self._credentials = access.credentials()
        self._seconds = access.timeout_seconds
        self._tokens = Tokens(access.oauth, timeout_seconds=access.timeout_seconds) if access.oauth else None
        self._turn = asyncio.Semaphore(access.concurrency)
        self._budgets: dict[str, _Budget] = {}

    async def ask(
        self,
        context: Context,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Callable[[], bytes] | None = None,
        max_bytes: int = 1_000_000,
    ) -> Answer:
        """Put a question that changes nothing at the source, and so may be put once more; see `_pause` for when.

        `max_bytes` is the cap of the answer. Whatever its status, the answer is given. Raises SourceError.
        """
        question = _Question(
            context=context,
            method=method,
            url=url,
            headers={**self._credentials, **(headers or {}), **traced(context.request_id)},
            body=body,
            max_bytes=max_bytes,
            deadline=_now() + self._seconds,
        )
        self._budget(url).asked()
        outcome = await self._outcome(question)
        pause = self._pause(question, outcome)
        if pause is not None:
            await asyncio.sleep(pause)
            outcome = await self._outcome(question)
        if isinstance(outcome, OutboundError):
            raise unreachable(outcome) from None
        return outcome

    async def _outcome(self, question: _Question) -> Answer | OutboundError:
        try:
            await self._take_turn(question.deadline)
        except TimeoutError:
            return OutboundError("timeout")
        try:
            return await self._put(question)
        except TimeoutError:
            return OutboundError("timeout")
        except OutboundError as error:
            return error
        finally:
            self._turn.release()

    async def _take_turn(self, deadline: float) -> None:
        """Wait for a turn if need be; a free one is taken without giving the event loop a thing to do."""
        if not self._turn.locked():
            await self._turn.acquire()
            return
        async with asyncio.timeout_at(deadline):
            await self._turn.acquire()

    async def _put(self, question: _Question) -> Answer:
        token = await self._token(question)
        if token is not None:
            question.headers["Authorization"] = f"Bearer {token}"
        body = question.body() if callable(question.body) else question.body
        return await question.context.door.request(
            question.method,
            question.url,
            headers=question.headers,
            body=body,
            timeout_seconds=max(question.deadline - _now(), 0.0),
            max_bytes=question.max_bytes,
        )

    async def _token(self, question: _Question) -> str | None:
        if self._tokens is None:
            return None
        current = self._tokens.current()
        if current is not None:
            return current
        try:
            return await self._tokens.fetched(question.context, question.deadline)
        except OutboundError as error:  # no answer from another host than the source's: nothing to ask again there
            raise unreachable(error) from None

    def _pause(self, question: _Question, outcome: Answer | OutboundError) -> float | None:
        """The seconds after which to put the question once more; None when once is enough.

        Once more when the line broke before an answer began, when something in front of the source was out of order
        for a moment, and when a token was refused that may have been withdrawn. Never when the door did not ask at all
        (it does not, when a host keeps failing), when too many were asked again lately, or past the deadline.
        """
        if self._has_withdrawn_token(question, outcome):
            return 0.0
        pause = _patience(outcome)
        if pause is None or _now() + pause >= question.deadline:
            return None
        return pause if self._budget(question.url).spends(_now()) else None

    def _has_withdrawn_token(self, question: _Question, outcome: Answer | OutboundError) -> bool:
        if self._tokens is None or not isinstance(outcome, Answer) or outcome.status != 401:
            return False
        return self._tokens.drop(question.headers["Authorization"].removeprefix("Bearer "))

    def _budget(self, url: str) -> _Budget:
        return self._budgets.setdefault(url.partition("://")[2].partition("/")[0], _Budget())


def traced(request_id: str) -> dict[str, str]:
    """The headers by which a question can be found back at a source: W3C Trace Context, and two that gateways log.

    One trace per collecting: its id follows from the request id, which is random, so nothing in it is of a person.
    """
    trace = sha256(request_id.encode()).hexdigest()[:32]
    return {
        "traceparent": f"00-{trace}-{secrets.token_hex(8)}-00",
        "X-Request-ID": request_id,
        "X-Correlation-ID": request_id,
    }


def unreachable(error: OutboundError) -> SourceError:
    """What it means for a source that the door got no usable answer."""
    kinds: dict[str, FailureKind] = {"timeout": "timeout", "too-large": "unreadable", "redirect": "unreadable"}
    return SourceError(kinds.get(error.kind, "unavailable"), f"no usable answer: {error.kind}")


def unaccepted(status: int) -> SourceError:
    """What it means for a source that it answered with an HTTP `status` other than success."""
    if status in (408, 504):
        return SourceError("timeout", f"HTTP status {status}")
    if status == 429 or status >= 500:
        return SourceError("unavailable", f"HTTP status {status}")
    return SourceError("refused", f"HTTP status {status}", retryable=False)


def _patience(outcome: Answer | OutboundError) -> float | None:
    """How long to wait before such an outcome may be better, in seconds; None when it will not be."""
    jitter = _random.uniform(*JITTER_SECONDS)
    if isinstance(outcome, OutboundError):
        return jitter if outcome.may_mend else None
    if outcome.status not in RETRY_STATUSES:
        return None
    asked = outcome.headers.get("retry-after", "0").strip()
    seconds = float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else RETRY_AFTER_SECONDS + 1
    return seconds + jitter if seconds <= RETRY_AFTER_SECONDS else None


def _now() -> float:
    return asyncio.get_running_loop().time()
