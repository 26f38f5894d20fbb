"""The door: where it may go, what it refuses, and that a refusal tells nothing."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given as for_all
from hypothesis import strategies as st

from connectors.outbound import (
    BREAKER_FAILURES,
    HOST_REQUESTS,
    ClientCertificate,
    Door,
    OutboundError,
    host_port,
    is_public,
)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """Serve `handler` on a free port of 127.0.0.1; gives `host:port`."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened(door: Door) -> AsyncGenerator[Door]:
    try:
        yield door
    finally:
        await door.close()


async def greet(request: web.BaseRequest) -> web.Response:
    return web.Response(text=f"{request.method} {await request.text()}", headers={"X-Seen": "yes"})


async def kind_of(door: Door, url: str, **options: float) -> str:
    """The kind of the refusal; proves on the way that the exception carries nothing else."""
    with pytest.raises(OutboundError) as caught:
        await door.request("GET", url, **options)  # pyright: ignore[reportArgumentType]
    assert caught.value.args == (caught.value.kind,)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    return caught.value.kind


async def test_configured_host_answers() -> None:
    """A configured pair is reached, on a private address too; header names come back in lower case."""
    async with served(greet) as pair, opened(Door.configured(frozenset({pair}))) as door:
        answer = await door.request("POST", f"http://{pair}/x", body=b"hello")
    assert (answer.status, answer.body, answer.headers["x-seen"]) == (200, b"POST hello", "yes")


async def test_configured_refuses_every_other_pair() -> None:
    """Exactly host:port: another port or another name of the same machine is refused before anything is dialled."""
    async with served(greet) as pair, opened(Door.configured(frozenset({pair}))) as door:
        host, port = pair.split(":")
        assert await kind_of(door, f"http://{host}:{int(port) ^ 1}/") == "address"
        assert await kind_of(door, f"http://localhost:{port}/") == "address"


@pytest.mark.parametrize(
    "url",
    [
        "http://u:p@HOST/",
        "http://u@HOST/",
        "http://:p@HOST/",
        "ftp://HOST/",
        "//HOST/",
        "HOST",
        "http://[x/",
        "https://a..b/",
        f"https://{'a' * 64}.example/",
        "https://",
        "",
        "file:///etc",
    ],
)
async def test_urls_that_are_no_plain_address(url: str) -> None:
    """User information, another scheme, a host that is no name and what is no URL are refused by either policy."""
    async with served(greet) as pair:
        for door in (Door.configured(frozenset({pair})), Door.given(allow_loopback=True)):
            async with opened(door):
                assert await kind_of(door, url.replace("HOST", pair)) == "address"


async def test_given_reaches_loopback_only_when_allowed() -> None:
    """Loopback (literal or by name, http or https) is refused unless the setting for development allows it."""
    async with served(greet) as pair:
        port = pair.split(":")[1]
        async with opened(Door.given(allow_loopback=False)) as door:
            for url in (f"http://{pair}/", f"https://{pair}/", f"https://localhost:{port}/", f"https://[::1]:{port}/"):
                assert await kind_of(door, url) == "address"
        async with opened(Door.given(allow_loopback=True)) as door:
            for host in ("127.0.0.1", "localhost"):
                assert (await door.request("GET", f"http://{host}:{port}/")).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104
        "0x7f000001",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "[::]",
        "[::ffff:10.0.0.1]",
        "[fe80::1]",
        "[fd00::1]",
        "[2002:7f00:1::]",
        "[64:ff9b::a00:1]",
    ],
)
async def test_given_refuses_literal_addresses_that_are_not_public(host: str) -> None:
    """A literal address never meets a resolver: it is refused where the socket is made, before a packet leaves."""
    async with opened(Door.given(allow_loopback=False)) as door:
        assert await kind_of(door, f"https://{host}/", timeout_seconds=2.0) == "address"


async def test_given_never_sends_plain_http_outside_this_machine() -> None:
    """http is for loopback in development; any other host needs https."""
    async with opened(Door.given(allow_loopback=True)) as door:
        assert await kind_of(door, "http://192.0.2.1/") == "address"
        assert await kind_of(door, "http://example.org/") == "address"


# First and last address of every range of section 2 of the standards sheet.
NOT_PUBLIC = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.0 127.255.255.255
169.254.0.0 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.0 192.0.2.255
192.88.99.0 192.88.99.255 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255
203.0.113.0 203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.255
:: ::1 fe80:: febf:ffff:: fc00:: fdff:ffff:: ff02::1 2001:db8:: 2001:db8:ffff:: 3fff:: 3fff:fff:: 100::1
2002:: 2002:ffff:: 64:ff9b:: 64:ff9b::ffff:ffff 64:ff9b:1:: 5f00:: 5f00:ffff:: 2001:: 2001:0:ffff::
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 fec0::1
"""
# The neighbours just outside those ranges, and some of the world.
PUBLIC = """
1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 192.0.1.0 192.88.98.255 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
203.0.112.255 203.0.114.0 223.255.255.255 2001:200:: 2001:db9:: 2003:: 2a00:: 2606:4700::1111 ::ffff:1.1.1.1
"""


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_special_ranges_are_not_public(text: str) -> None:
    """No edge of a special range counts as public."""
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC.split())
def test_neighbours_of_special_ranges_are_public(text: str) -> None:
    """The ranges are no wider than they should be."""
    assert is_public(ipaddress.ip_address(text))


@for_all(st.ip_addresses())
def test_public_is_a_part_of_what_python_calls_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """What we call public, the standard library calls global too: our list forgets nothing it knows."""
    assert not is_public(address) or (address.is_global and not address.is_multicast)


async def test_redirects_are_refused() -> None:
    """3xx is an error of its own kind; the place it points at is not asked."""
    seen: list[str] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with served(handler) as pair, opened(Door.configured(frozenset({pair}))) as door:
        assert await kind_of(door, f"http://{pair}/a") == "redirect"
    assert seen == ["/a"]


async def test_body_cap_counts_what_is_read() -> None:
    """Exactly the cap passes; one byte more, with or without a declared length, does not; an endless body ends."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/endless":
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"x" * 1000)
        return web.Response(body=b"x" * int(request.path[1:]))

    async with served(handler) as pair, opened(Door.configured(frozenset({pair}))) as door:
        assert len((await door.request("GET", f"http://{pair}/5000", max_bytes=5000)).body) == 5000
        assert await kind_of(door, f"http://{pair}/5001", max_bytes=5000) == "too-large"
        assert await kind_of(door, f"http://{pair}/endless", max_bytes=5000) == "too-large"


async def test_deadline_covers_a_dripping_body() -> None:
    """The deadline is for the whole exchange: a host that keeps sending a little does not stretch it."""
    stopped = asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not stopped.is_set():
            await response.write(b"x")
            await asyncio.sleep(0.02)
        return response

    async with served(handler) as pair, opened(Door.configured(frozenset({pair}))) as door:
        assert await kind_of(door, f"http://{pair}/", timeout_seconds=0.2) == "timeout"
        stopped.set()


async def test_compressed_answers_are_refused() -> None:
    """We ask for no encoding; an answer that has one anyway is not unfolded."""
    asked: list[str] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        asked.append(request.headers["Accept-Encoding"])
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    async with served(handler) as pair, opened(Door.configured(frozenset({pair}))) as door:
        assert await kind_of(door, f"http://{pair}/") == "connection"
    assert asked == ["identity"]


async def test_answers_that_are_no_http() -> None:
    """A host that talks nonsense or hangs up in the middle is a failed connection."""

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" if b"/half" in line else b"hello\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    pair = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, opened(Door.configured(frozenset({pair}))) as door:
        assert await kind_of(door, f"http://{pair}/half") == "connection"
        assert await kind_of(door, f"http://{pair}/") == "connection"


async def test_no_cookies_and_no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cookie set by a host is not sent back, and the proxy variables of the environment are not heeded."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    cookies: list[str | None] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        response = web.Response()
        response.set_cookie("who", "you")
        return response

    async with served(handler) as pair, opened(Door.configured(frozenset({pair}))) as door:
        await door.request("GET", f"http://{pair}/")
        await door.request("GET", f"http://{pair}/")
    assert cookies == [None, None]


async def test_breaker_opens_probes_and_closes() -> None:
    """Five straight failures: refused at once for ten seconds; then one probe only; a success closes it again."""
    clock = [1000.0]
    asked = 0
    healthy = False

    async def handler(request: web.BaseRequest) -> web.Response:
        nonlocal asked
        asked += 1
        if not healthy:
            assert request.transport is not None
            request.transport.abort()
        return web.Response()

    async with served(handler) as pair, opened(Door.configured(frozenset({pair}), now=lambda: clock[0])) as door:
        url = f"http://{pair}/"
        for _ in range(BREAKER_FAILURES):
            assert await kind_of(door, url) == "connection"
        assert await kind_of(door, url) == "refused"
        assert asked == BREAKER_FAILURES
        clock[0] += 10.1
        kinds = await asyncio.gather(kind_of(door, url), kind_of(door, url), kind_of(door, url))
        assert sorted(kinds) == ["connection", "refused", "refused"]
        clock[0] += 10.1
        healthy = True
        assert (await door.request("GET", url)).status == 200
        assert (await door.request("GET", url)).status == 200


async def test_breaker_counts_no_answers_and_no_other_host() -> None:
    """An error status, a redirect or a large body is an answer; one host's failures do not close another."""

    async def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(status=int(request.path[1:]), headers={"Location": "/"})

    async with served(handler) as pair:
        dead = "127.0.0.1:1"
        async with opened(Door.configured(frozenset({pair, dead}))) as door:
            for _ in range(BREAKER_FAILURES + 1):
                assert (await door.request("GET", f"http://{pair}/503")).status == 503
                assert await kind_of(door, f"http://{pair}/302") == "redirect"
                await kind_of(door, f"http://{dead}/")
            assert await kind_of(door, f"http://{dead}/") == "refused"
            assert (await door.request("GET", f"http://{pair}/200")).status == 200


class Hanging:
    """A host that takes requests and answers none before it is told to."""

    def __init__(self) -> None:
        self.taken = 0
        self.full = asyncio.Event()
        self.free = asyncio.Event()

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.taken += 1
        if self.taken == HOST_REQUESTS:
            self.full.set()
        await self.free.wait()
        return web.Response(text=request.method)


async def test_a_host_that_hangs_keeps_no_other_waiting() -> None:
    """However many requests wait for one host, it is asked a few at a time and another host at once."""
    hanging = Hanging()
    async with served(hanging) as slow, served(greet) as quick, opened(Door.given(allow_loopback=True)) as door:
        waiting = [asyncio.create_task(door.request("GET", f"http://{slow}/")) for _ in range(150)]
        await hanging.full.wait()
        for _ in range(3):
            assert (await door.request("GET", f"http://{quick}/", timeout_seconds=1.0)).status == 200
        assert hanging.taken == HOST_REQUESTS
        hanging.free.set()
        assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * 150


async def test_waiting_for_a_turn_is_no_failure_of_the_host() -> None:
    """A deadline that passes in the queue says nothing of a host that was not asked: its breaker stays closed."""
    hanging = Hanging()
    async with served(hanging) as pair, opened(Door.given(allow_loopback=True)) as door:
        url = f"http://{pair}/"
        under_way = [asyncio.create_task(door.request("GET", url)) for _ in range(HOST_REQUESTS)]
        await hanging.full.wait()
        for _ in range(BREAKER_FAILURES + 1):
            assert await kind_of(door, url, timeout_seconds=0.01) == "timeout"
        assert (hanging.taken, await kind_of(door, url, timeout_seconds=0.01)) == (HOST_REQUESTS, "timeout")
        hanging.free.set()
        await asyncio.gather(*under_way)
        assert (await door.request("GET", url)).status == 200


class Authority:
    """A small certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.file = self._write("ca", self._signed(self.name, self.key, ca=True), None)

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool, host: str = "127.0.0.1", days: int = 1
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        public = key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=9))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def _write(self, stem: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | None) -> str:
        path = self.folder / f"{stem}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        if key is not None:
            form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            (self.folder / f"{stem}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
        return str(path)

    def issue(self, stem: str, host: str = "127.0.0.1", days: int = 1) -> tuple[str, str]:
        """A certificate for `host`, good for `days` from now, and its key: files."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem)])
        certificate = self._signed(name, key, ca=False, host=host, days=days)
        return self._write(stem, certificate, key), str(self.folder / f"{stem}.key")


async def test_client_certificate_is_shown_to_its_host(tmp_path: Path) -> None:
    """Mutual TLS: the host sees the certificate set for it; without one, or without trust in the host, no answer."""
    authority = Authority(tmp_path)
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    server_context.load_cert_chain(*authority.issue("server"))
    server_context.verify_mode = ssl.CERT_REQUIRED
    certificate_file, key_file = authority.issue("broker")

    async def handler(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        subject = dict(part[0] for part in request.transport.get_extra_info("peercert")["subject"])
        return web.Response(text=subject["commonName"])

    shown = ClientCertificate(certificate_file=certificate_file, key_file=key_file, authority_file=authority.file)
    async with served(handler, server_context) as pair:
        url, hosts = f"https://{pair}/", frozenset({pair})
        async with opened(Door.configured(hosts, {pair: shown})) as door:
            assert (await door.request("GET", url)).body == b"broker"
        async with opened(Door.configured(hosts)) as door:
            assert await kind_of(door, url) == "connection"


@pytest.mark.parametrize(
    ("shows", "trusts"),
    [
        pytest.param({"host": "127.0.0.2"}, "own", id="of-another-host"),
        pytest.param({"days": -1}, "own", id="expired"),
        pytest.param({}, "system", id="of-an-unknown-authority"),
        pytest.param(None, "own", id="no-tls"),
    ],
)
async def test_a_host_that_does_not_prove_itself_is_told_nothing(
    tmp_path: Path, shows: dict[str, Any] | None, trusts: str
) -> None:
    """Bad TLS is a failed connection: no request is sent, and asking once more would not mend it."""
    authority, asked = Authority(tmp_path), list[str]()
    context = None
    if shows is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*authority.issue("server", **shows))

    async def handler(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return web.Response()

    trusted = ClientCertificate(authority_file=authority.file if trusts == "own" else None)
    async with served(handler, context) as pair:
        async with opened(Door.configured(frozenset({pair}), {pair: trusted})) as door:
            with pytest.raises(OutboundError) as caught:
                await door.request("GET", f"https://{pair}/secret")
        async with opened(Door.given(allow_loopback=True)) as door:
            assert await kind_of(door, f"https://{pair}/secret") == "connection"
    assert (caught.value.kind, caught.value.may_mend, asked) == ("connection", False, [])


def test_host_port_is_one_spelling() -> None:
    """One spelling for one pair: lower case, the scheme's port filled in, IPv6 in brackets."""
    assert host_port("https://Bron.Example/pad?x=1") == "bron.example:443"
    assert host_port("http://[::1]:8080/") == "[::1]:8080"
    for url in ("bron.example:443", "https://u@bron.example/", "https://bron..example/", "https://"):
        with pytest.raises(ValueError, match="not an absolute"):
            host_port(url)


async def _is_sent(door: Door, url: str, **options: float) -> bool:
    with pytest.raises(OutboundError) as caught:
        await door.request("POST", url, body=b"x" * 100_000, **options)  # pyright: ignore[reportArgumentType]
    return caught.value.is_sent


async def test_an_unanswered_request_says_whether_anything_left() -> None:
    """From the head of the request on the host may have it: silence and a broken line prove nothing then.

    Where nobody listens, and where we may not go, nothing left.
    """

    heard = asyncio.Event()

    async def hang(request: web.BaseRequest) -> web.StreamResponse:
        await heard.wait()
        return web.Response()

    async def hang_up(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with served(greet) as gone:
        pass
    async with (
        served(hang) as slow,
        served(hang_up) as short,
        opened(Door.configured(frozenset({slow, short, gone}))) as door,
    ):
        assert await _is_sent(door, f"http://{slow}/", timeout_seconds=0.2)
        heard.set()
        assert await _is_sent(door, f"http://{short}/")
        assert not await _is_sent(door, f"http://{gone}/")
        assert not await _is_sent(door, "http://other.example/")
