"""The one door to the outside: every HTTP request the broker makes goes through here.

Two policies. `configured`: exact host:port pairs from the settings (sources, DigiD); private addresses allowed.
`given`: addresses that providers supply (webhook, JWKS): https and public addresses only. It must not retry, follow,
keep cookies, nor let a word of an address, body or header into an exception.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Literal, Self
from weakref import WeakValueDictionary

import aiohttp
import msgspec
from yarl import URL

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
OutboundKind = Literal["timeout", "refused", "too-large", "connection", "address", "redirect"]

# Not for the public internet: IANA IPv4 special-purpose registry, multicast and class E (which holds broadcast).
_SPECIAL_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Only 2000::/3 is global unicast, so ::, ::1, NAT64, 100::/64, 5f00::/16, ULA, link-local and multicast fall outside
# by themselves. Inside it: protocol assignments (Teredo among them), documentation and 6to4.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

HOST_REQUESTS = 32  # at a time to one host; the next wait their turn, and no host waits for another
BREAKER_FAILURES = 5
BREAKER_SECONDS = 10.0
_CHUNK_BYTES = 65_536


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Header names are lower case; `body` is complete and within the size cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ClientCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """How we and a host prove ourselves to each other by TLS, as PEM files.

    `certificate_file` and `key_file` (both or neither) are what we show a host that asks who we are; `authority_file`
    replaces the system's CAs in judging the host.
    """

    certificate_file: str | None = None
    key_file: str | None = None
    authority_file: str | None = None

    def context(self) -> ssl.SSLContext:
        """What a connection to the host is made with. Raises OSError when a file cannot be used."""
        context = ssl.create_default_context(cafile=self.authority_file)
        if self.certificate_file is not None:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context


class OutboundError(Exception):
    """No usable answer. The text names no address, body or header.

    `address`: we may not go there; `refused`: the host failed so often lately that it was not asked; `timeout`: the
    deadline passed, at the host or in the queue for it; `connection`: no connection or no well-formed, unencoded
    answer; `redirect`: it answered 3xx; `too-large`: the body passed the cap.

    `may_mend`: no connection, or one that ended before an answer began: what asking once more often mends.
    `is_sent`: at least the head of the request left: the host may have all of it, and have done what it asks.
    """

    def __init__(self, kind: OutboundKind, *, may_mend: bool = False, is_sent: bool = False) -> None:
        super().__init__(kind)
        self.kind: OutboundKind = kind
        self.may_mend = may_mend
        self.is_sent = is_sent


class _AddressRefusedError(PermissionError):
    """Raised inside the dialling code, which only understands OSError."""


class _Progress(msgspec.Struct):
    """How far one request came."""

    is_sent: bool = False


class _Breaker(msgspec.Struct):
    """Straight failures of one host; from the fifth on, one attempt per `BREAKER_SECONDS` gets through."""

    failures: int = 0
    retry_at: float = 0.0

    def admits(self, now: float) -> bool:
        if self.failures < BREAKER_FAILURES:
            return True
        if now < self.retry_at:
            return False
        self.retry_at = now + BREAKER_SECONDS
        return True

    def failed(self, now: float) -> None:
        self.failures += 1
        self.retry_at = now + BREAKER_SECONDS


class Door:
    """Asks on behalf of the whole process over one pool of connections; made by `configured` or `given`.

    Belongs to the event loop that first uses it. `now` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        *,
        may_ask: Callable[[URL], bool],
        may_dial: Callable[[IPAddress], bool],
        contexts: Mapping[str, ssl.SSLContext],
        now: Callable[[], float],
    ) -> None:
        self._may_ask = may_ask
        self._may_dial = may_dial
        self._contexts = contexts
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self._breakers: dict[str, _Breaker] = {}
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # of hosts that are asked now

    @classmethod
    def configured(
        cls,
        hosts: frozenset[str],
        certificates: Mapping[str, ClientCertificate] | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> Self:
        """A door to exactly these `host:port` pairs (see `host_port`), wherever their names lead.

        `certificates` maps some of the pairs to what we show there; raises OSError when a file cannot be used.
        """
        known = frozenset(host.lower() for host in hosts)
        contexts = {host.lower(): certificate.context() for host, certificate in (certificates or {}).items()}
        return cls(may_ask=lambda url: _pair(url) in known, may_dial=lambda _: True, contexts=contexts, now=now)

    @classmethod
    def given(cls, *, allow_loopback: bool, now: Callable[[], float] = time.monotonic) -> Self:
        """A door to public addresses over https; `allow_loopback` (never in production) adds this machine and http."""

        def may_ask(url: URL) -> bool:
            return url.scheme == "https" or (allow_loopback and url.scheme == "http" and _names_loopback(url))

        def may_dial(address: IPAddress) -> bool:
            return is_public(address) or (allow_loopback and address.is_loopback)

        return cls(may_ask=may_ask, may_dial=may_dial, contexts={}, now=now)

    async def close(self) -> None:
        """Close the connections. The next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 10.0,
        max_bytes: int = 1_000_000,
    ) -> Answer:
        """Ask once; no redirects, no retries. Raises OutboundError.

        `timeout_seconds` covers everything from waiting for a turn at the host to the last byte; `max_bytes` is the
        body's cap.
        """
        target = self._checked(url)
        pair = _pair(target)
        breaker = self._breakers.setdefault(pair, _Breaker())
        if not breaker.admits(self._now()):
            raise OutboundError("refused")
        outcome = await self._attempt(method, target, dict(headers or {}), body, timeout_seconds, max_bytes)
        if isinstance(outcome, OutboundError) and outcome.kind in ("connection", "timeout"):
            breaker.failed(self._now())
        elif outcome is not None:
            self._breakers.pop(pair, None)
        if isinstance(outcome, Answer):
            return outcome
        raise outcome or OutboundError("timeout")

    def _checked(self, text: str) -> URL:
        url = _parsed(text)
        if url is None or not self._may_ask(url):
            raise OutboundError("address")
        return url

    async def _attempt(
        self, method: str, url: URL, headers: dict[str, str], body: bytes | None, seconds: float, max_bytes: int
    ) -> Answer | OutboundError | None:
        """The answer, or why there is none: returned and not raised, so no exception carries another's text along.

        None: no turn at the host came in time. It was not asked, so that says nothing of it.
        """
        headers["Accept-Encoding"] = "identity"  # a compressed body could unfold far past any cap
        context = self._contexts.get(_pair(url), True)
        turn = self._turns.setdefault(_pair(url), asyncio.Semaphore(HOST_REQUESTS))
        is_asked = is_answered = False
        progress = _Progress()
        try:
            async with asyncio.timeout(seconds), turn:
                is_asked = True
                async with self._opened().request(
                    method,
                    url,
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    ssl=context,
                    trace_request_ctx=progress,
                ) as response:
                    is_answered = True
                    return await _read(response, max_bytes)
        except TimeoutError:
            return OutboundError("timeout", is_sent=progress.is_sent) if is_asked else None
        except aiohttp.InvalidURL:
            return OutboundError("address")
        except (aiohttp.ClientError, OSError) as error:
            return _unanswered(error, is_answered=is_answered, is_sent=progress.is_sent)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=self._dial, limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                headers={"User-Agent": "Ophaalbrug"},
                auto_decompress=False,
                trust_env=False,
                middlewares=(_once,),
                trace_configs=[_following()],
            )
        return self._session

    def _dial(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """Make the socket for one address, literal or looked up: the last place where it can still be refused."""
        family, kind, protocol, _, address = info
        if not self._may_dial(ipaddress.ip_address(str(address[0]))):
            raise _AddressRefusedError
        return socket.socket(family=family, type=kind, proto=protocol)


def host_port(url: str) -> str:
    """The `host:port` pair of an http(s) URL, as `Door.configured` knows it: lower case, IPv6 in brackets.

    Raises ValueError (naming nothing of the URL) when it is not an absolute http(s) URL, or has user information.
    """
    parsed = _parsed(url)
    if parsed is None:
        raise ValueError("not an absolute http or https URL")
    return _pair(parsed)


def is_public(address: IPAddress) -> bool:
    """Whether `address` is globally routable unicast; a v4-mapped IPv6 address is judged as the IPv4 one it stands for.

    Our own list and not `ipaddress.is_global`, whose answer differs between Python releases.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)
    return not any(address in network for network in _SPECIAL_V4)


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from asking again: it repeats a GET or PUT by itself after these two errors, but after no other."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise aiohttp.ClientConnectionError from None


def _following() -> aiohttp.TraceConfig:
    """Notes in a request's `_Progress` that its head was written: from then on nobody can say it did not arrive."""

    async def sent(
        _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        context.trace_request_ctx.is_sent = True

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(sent)
    return config


def _unanswered(error: aiohttp.ClientError | OSError, *, is_answered: bool, is_sent: bool) -> OutboundError:
    """What went wrong on the line. A host whose certificate is not trusted will not be so in a second either."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, _AddressRefusedError):
        return OutboundError("address")
    is_line = isinstance(error, aiohttp.ClientConnectionError) and not isinstance(error, aiohttp.ClientSSLError)
    return OutboundError("connection", may_mend=is_line and not is_answered, is_sent=is_sent)


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> Answer | OutboundError:
    if 300 <= response.status < 400:
        return OutboundError("redirect", is_sent=True)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return OutboundError("connection", is_sent=True)
    body = bytearray()
    while chunk := await response.content.read(min(_CHUNK_BYTES, max_bytes + 1 - len(body))):
        body += chunk
        if len(body) > max_bytes:
            return OutboundError("too-large", is_sent=True)
    headers = {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}
    return Answer(status=response.status, headers=headers, body=bytes(body))


def _parsed(text: str) -> URL | None:
    try:
        url = URL(text)
        host = (url.raw_host or "").encode("idna")  # which the resolver refuses for an empty or endless label
    except ValueError:
        return None
    is_plain = url.scheme in ("http", "https") and url.raw_user is None and url.raw_password is None
    return url if is_plain and host and url.port else None


def _pair(url: URL) -> str:
    return f"{url.host_subcomponent}:{url.port}".lower()


def _names_loopback(url: URL) -> bool:
    host = url.host or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
