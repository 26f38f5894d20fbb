"""The guide's back offices as they stand: Python and Node, as programs of their own, against a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from broker import providers
from broker.delivery import signature_headers
from ophaalbrug_provider import PrivateKey, new_secret
from ophaalbrug_provider.receiving import WITHOUT_DATA
from sandbox.browser import Browser
from sandbox.citizen import collect
from sandbox.registration import ProfileEntry, Text
from sandbox.stage import FIELDS, SOURCES
from tests.answering import answering
from tests.house import House
from tests.integration.provider.asking import linked_phone, until
from tests.stores import free_ports
from tests.unit.test_guides import ROOT, block
from tests.unit.toolkit.pretend import body_of, trial

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACKAGES = ROOT / "tests" / "conformance" / "receivers" / "node_modules"
PURPOSE = Text(nl="Bijstand", en="Assistance")
SUFFIX = {"python": "py", "node": "mjs"}


def needed(*programs: str) -> None:
    """Skip, and say what is missing; where the project is checked as a whole nothing may be missing."""
    absent = [name for name in programs if shutil.which(name) is None]
    if "node" in programs and not (PACKAGES / "jose").is_dir():
        absent.append("jose (npm ci in tests/conformance/receivers)")
    if absent:
        assert not os.environ.get("CI"), absent
        pytest.skip(f"the guide's programs need {', '.join(absent)}")


class Office:
    """A folder with keys and programs of the guide, registered at the house's broker."""

    def __init__(self, house: House, folder: Path, name: str) -> None:
        self.house = house
        self.folder = folder
        self.id = name
        self.environment = {"PATH": os.environ["PATH"], "BROKER": house.url, "PROVIDER": name}

    def write(self, *names: str) -> None:
        """Programs of the guide, as files."""
        for name in names:
            (self.folder / name).write_text(block("toolkit", name), encoding="utf-8")

    async def run(self, *command: str) -> str:
        """What a program prints; it must end well."""
        process = await self.started(*command)
        out, error = await process.communicate()
        assert process.returncode == 0, error.decode() + out.decode()
        return out.decode()

    async def started(self, *command: str) -> asyncio.subprocess.Process:
        """A program that runs in the folder."""
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=self.environment, stdout=pipe, stderr=pipe
        )

    async def sh(self, *names: str, **variables: str) -> str:
        """Blocks of the shell, one after another."""
        self.environment |= variables
        return await self.run("sh", "-c", "\n".join(block("toolkit", name) for name in names))

    async def register(self, *profiles: ProfileEntry, webhook_url: str | None = None) -> None:
        """Make the guide's keys, and join the broker with their public halves."""
        await self.keys()
        await self.joined("enc", *profiles, webhook_url=webhook_url)

    async def keys(self) -> None:
        """Make the guide's keys and a secret."""
        await self.sh("keys.sh")
        self.environment["WEBHOOK_SECRET"] = (await self.sh("secret.sh")).strip()

    async def joined(self, opening: str, *profiles: ProfileEntry, webhook_url: str | None = None) -> None:
        """Join the broker, or again with another key to seal to."""
        keys = [self._public(name, use) for name, use in (("sig", "sig"), (opening, "enc"), ("enc-rsa", "enc"))]
        facts: dict[str, Any] = {"id": self.id, "name": {"nl": "G", "en": "G"}, "keys": keys}
        facts["profile"] = [msgspec.to_builtins(profile) for profile in profiles]
        if webhook_url is not None:
            facts["webhook"] = {"url": webhook_url, "secret": self.environment["WEBHOOK_SECRET"].split()[0]}
        provider = providers.checked(msgspec.convert(facts, providers.Provider))
        await self.house.parts.providers.put(provider)
        self.environment["WEBHOOK_KEY"] = self.house.parts.keys.webhook_public()

    def _public(self, name: str, use: str) -> dict[str, Any]:
        key = PrivateKey.read((self.folder / f"{name}.pem").read_bytes())
        return {**key.jwk.export_public(as_dict=True), "use": use}

    async def consented(self, journey_url: str, **how: Any) -> Any:
        """A citizen who goes all the way; the phone."""
        phone = await linked_phone(self.house, journey_url.strip())
        await collect(phone, "applicant", "single", how.get("sources", SOURCES))
        assert (await phone.consent("applicant", await phone.review())).sent
        return phone

    async def only_session(self) -> str:
        """The id of the one session that was opened."""

        async def look() -> Any:
            return await self.house.parts.records.listed(self.id, reference=None, state=None, offset=0, limit=2)

        (session,) = await until(look, bool)
        return session.id

    async def ended(self, session_id: str) -> Any:
        """The session, once it is over."""

        async def look() -> Any:
            return (await self.house.parts.sessions.read(session_id)).session

        return await until(look, lambda session: session.ended, seconds=30)


@asynccontextmanager
async def serving(office: Office, *command: str) -> AsyncGenerator[None]:
    """A receiver that runs while the context lasts, on the port its command ends with."""
    process = await office.started(*command)

    async def open_door() -> bool:
        assert process.returncode is None
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", int(command[-1]))
        except OSError:
            return False
        writer.close()
        return True

    try:
        await until(open_door, bool, seconds=30)
        yield
    finally:
        process.terminate()
        _, error = await process.communicate()
    assert "Traceback" not in error.decode(), error.decode()


PROFILE = ProfileEntry(id="bijstand", purpose=PURPOSE, required=SOURCES, fields=FIELDS)


def kept(folder: Path, language: str) -> dict[str, Any]:
    """The payload that the guide's receiver kept."""
    if language == "python":
        with sqlite3.connect(folder / "inbox.sqlite") as database:
            rows = database.execute("SELECT payload FROM events WHERE kind = 'data'").fetchall()
        return json.loads(rows[0][0])
    (found,) = [text for path in (folder / "inbox").glob("*.json") if (text := path.read_text()).startswith("{")]
    return json.loads(found)


def prepared(house: House, folder: Path, language: str) -> tuple[Office, str]:
    """An office with the guide's programs in one of its languages, and what runs them."""
    needed("openssl", *(["node"] if language == "node" else []))
    office = Office(house, folder, f"gids-{language}-{folder.name}".replace("_", "-")[:60].strip("-"))
    office.write(*(f"{name}.{SUFFIX[language]}" for name in ("office", "create", "serve", "webhook")))
    if language == "python":
        office.write("inbox.py", "pull.py", "still.py", "deliveries.py")
        office.environment["PYTHONPATH"] = str(ROOT / "toolkit")
        return office, sys.executable
    office.write("opening.mjs")
    (folder / "node_modules").symlink_to(PACKAGES)
    return office, "node"


async def told(office: Office, url: str, body: bytes, *, secret: str = "") -> int:
    """The status with which a webhook is answered, signed by the broker."""
    webhook = providers.Webhook(url=url, secret=secret or office.environment["WEBHOOK_SECRET"])
    event_id = str(json.loads(body)["id"])
    headers = signature_headers(office.house.parts.keys, webhook, event_id, int(office.house.now()), body)
    async with office.house.http.post(url, data=BytesIO(body), headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize(("language", "back"), [("python", "withdrawn"), ("node", "withdrawn"), ("node", "cancelled")])
async def test_a_back_office_of_the_guide(house: House, tmp_path: Path, language: str, back: str) -> None:
    """Sets its webhook, opens a session twice under one key, receives, verifies, opens and keeps; the broker purges.

    What is taken back, by the citizen or by us, goes.
    """
    office, program = prepared(house, tmp_path, language)
    (port,), end = free_ports(1), SUFFIX[language]
    url = f"http://127.0.0.1:{port}/"
    await office.register(PROFILE)
    async with serving(office, program, f"serve.{end}", str(port)):
        assert "accepted" in await office.run(program, f"webhook.{end}", url)
        journey = await office.run(program, f"create.{end}", "dossier-1")
        assert await office.run(program, f"create.{end}", "dossier-1") == journey
        phone = await office.consented(journey)
        session_id = await office.only_session()
        ended = await office.ended(session_id)
        assert (ended.state.value, bool((await phone.receipt()).purge_receipt)) == ("delivered", True)
        payload = kept(tmp_path, language)
        assert (payload["sessionId"], payload["reference"]) == (session_id, "dossier-1")
        assert payload["incomes"]
        other = body_of(back, "evt_o", session_id=session_id, sequence=98, maybe_received=True)
        assert await told(office, url, other, secret=new_secret()) == 401
        assert kept(tmp_path, language) == payload
        body = body_of(back, "evt_w", session_id=session_id, sequence=99, maybe_received=True)
        assert [await told(office, url, body) for _ in range(2)] == [204, 204]
        with pytest.raises((TypeError, ValueError)):
            kept(tmp_path, language)
        with suppress(aiohttp.ClientError):  # it may also cut this off
            assert await told(office, url, trial() + b" " * 2**21) == 401
        assert await told(office, url, trial()) == 204


async def test_node_takes_the_keys_of_the_broker_alone(house: House, tmp_path: Path) -> None:
    """From no other address than it was given; when they could not be had, they are asked for at the next event."""
    office, program = prepared(house, tmp_path, "node")
    (port,), came = free_ports(1), list[str]()
    genuine = web.json_response(house.parts.keys.jwks())
    answers = iter([web.Response(status=302, headers={"Location": "/elsewhere"}), web.json_response({}, status=503)])

    async def keys(request: web.Request) -> web.Response:
        came.append(request.path)
        return next(answers, genuine)

    async with answering(keys) as office.environment["BROKER"]:
        await office.keys()
        async with serving(office, program, "serve.mjs", str(port)):
            assert [await told(office, f"http://127.0.0.1:{port}/", trial()) for _ in range(3)] == [401, 401, 204]
    assert came == ["/.well-known/jwks.json"] * 3


async def test_node_lets_no_data_in_after_an_end(house: House, tmp_path: Path) -> None:
    """Whichever end it was: what comes later is not even opened. Before an end it is, and this cannot be."""
    office, program = prepared(house, tmp_path, "node")
    (port,) = free_ports(1)
    await office.keys()
    async with serving(office, program, "serve.mjs", str(port)):
        for end in WITHOUT_DATA:
            data = body_of("data", f"evt_{end}", session_id=end, payload="a.b.c.d.e", payload_digest="0")
            over = body_of(end, f"evt_{end}_over", session_id=end, sequence=2)
            statuses = [await told(office, f"http://127.0.0.1:{port}/", body) for body in (data, over, data)]
            assert statuses == [503, 204, 204], end


async def test_what_waits_is_seen_and_tried_again(house: House, tmp_path: Path) -> None:
    """The guide's `deliveries.py`, when the receiver was away: what waits, and why; and now."""
    office, program = prepared(house, tmp_path, "python")
    (port,) = free_ports(1)
    await office.register(PROFILE, webhook_url=f"http://127.0.0.1:{port}/")
    await Browser((await office.run(program, "create.py", "dossier-4")).strip(), house.http).start()

    async def listed() -> str:
        return await office.run(program, "deliveries.py")

    assert " opened " in await until(listed, lambda text: len(text.split()) > 2, seconds=30)
    async with serving(office, program, "serve.py", str(port)):
        await office.run(program, "deliveries.py", "--retry")
        assert await until(listed, lambda text: not text, seconds=30) == ""


async def test_secrets_and_keys_are_replaced(house: House, tmp_path: Path) -> None:
    """As the guide has it: no event is refused, and what was sealed to the old key opens as long as it is there."""
    office, program = prepared(house, tmp_path, "python")
    (port,) = free_ports(1)
    url, command = f"http://127.0.0.1:{port}/", (program, "serve.py", str(port))
    await office.register(PROFILE)
    async with serving(office, *command):
        assert (await office.run(program, "webhook.py", url)).split()[1:] == ["stays", "accepted", "2xx"]
    office.environment["WEBHOOK_SECRET"] += " " + (await office.sh("secret.sh")).strip()
    journeys = [await office.run(program, "create.py", "oud")]
    await office.run("openssl", "genpkey", "-algorithm", "X25519", "-out", "enc-2.pem")
    changed = datetime.now(UTC).isoformat()
    async with serving(office, *command):
        await office.joined("enc-2", PROFILE, webhook_url=url)
        both, outcome = (await office.run(program, "webhook.py", url)).splitlines()
        assert (both.split(" ", 2)[1], len(both.split(" ", 2)), outcome) == ("stays", 3, "accepted 2xx")
        journeys.append(await office.run(program, "create.py", "nieuw"))

        async def still() -> str:
            return await office.run(program, "still.py", changed)

        await until(still, lambda text: text == "1\n")
        for journey in journeys:
            await office.consented(journey)
        await until(still, lambda text: text == "0\n", seconds=30)
        await until(
            lambda: asyncio.to_thread(references, tmp_path), lambda found: found == {"oud", "nieuw"}, seconds=30
        )


def references(folder: Path) -> set[str]:
    """The references of the payloads that were kept."""
    with closing(sqlite3.connect(folder / "inbox.sqlite")) as database:
        rows = database.execute("SELECT payload FROM events WHERE kind = 'data'").fetchall()
    return {json.loads(row[0])["reference"] for row in rows}
