"""The guide's back offices as they stand: Python, Node and a shell, as programs of their own, against a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker import providers
from ophaalbrug_provider import PrivateKey
from sandbox.citizen import collect
from sandbox.registration import ProfileEntry, Text
from sandbox.stage import FIELDS, SOURCES
from tests.house import House
from tests.integration.provider.asking import linked_phone, until
from tests.integration.provider.receiver import Receiver
from tests.stores import free_ports
from tests.unit.test_guides import ROOT, block
from tests.unit.toolkit.pretend import listening

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
        return await self.run("sh", "-c", "set -eu\n" + "\n".join(block("toolkit", name) for name in names))

    async def register(self, *profiles: ProfileEntry, webhook_url: str | None = None) -> None:
        """Make the guide's keys, and join the broker with their public halves."""
        await self.sh("keys.sh")
        keys = [self._public(name, use) for name, use in (("sig", "sig"), ("enc", "enc"), ("enc-rsa", "enc"))]
        facts: dict[str, Any] = {"id": self.id, "name": {"nl": "G", "en": "G"}, "keys": keys}
        facts["profile"] = [msgspec.to_builtins(profile) for profile in profiles]
        if webhook_url is not None:
            facts["webhook"] = {"url": webhook_url}
        provider = providers.checked(msgspec.convert(facts, providers.Provider))
        await self.house.parts.providers.put(provider)
        self.environment["WEBHOOK_SECRET"] = provider.webhook.secret if provider.webhook else "whsec_" + "A" * 40
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


@pytest.mark.parametrize("language", ["python", "node"])
async def test_a_back_office_of_the_guide(house: House, tmp_path: Path, language: str) -> None:
    """Opens a session twice under one key, receives, verifies, opens and keeps; the broker hears it and purges."""
    needed("openssl", *(["node"] if language == "node" else []))
    office, (port,) = Office(house, tmp_path, f"gids-{language}"), free_ports(1)
    end = SUFFIX[language]
    office.write(*(f"{name}.{end}" for name in ("office", "create", "serve")))
    if language == "python":
        office.write("inbox.py", "pull.py")
        program = [sys.executable]
        office.environment["PYTHONPATH"] = str(ROOT / "toolkit")
    else:
        office.write("opening.mjs")
        (tmp_path / "node_modules").symlink_to(PACKAGES)
        program = ["node"]
    await office.register(PROFILE, webhook_url=f"http://127.0.0.1:{port}/")
    async with serving(office, *program, f"serve.{end}", str(port)):
        asking = {"WebHook-Request-Origin": "127.0.0.1"}
        async with house.http.options(f"http://127.0.0.1:{port}/", headers=asking) as allowed:
            assert (allowed.status, allowed.headers["WebHook-Allowed-Origin"]) == (204, "127.0.0.1")
        journey = await office.run(*program, f"create.{end}", "dossier-1")
        assert await office.run(*program, f"create.{end}", "dossier-1") == journey
        phone = await office.consented(journey)
        session_id = await office.only_session()
        ended = await office.ended(session_id)
        assert (ended.state.value, bool((await phone.receipt()).purge_receipt)) == ("delivered", True)
    payload = kept(tmp_path, language)
    assert (payload["sessionId"], payload["reference"]) == (session_id, "dossier-1")
    assert payload["incomes"]


async def test_a_back_office_without_a_webhook(house: House, tmp_path: Path) -> None:
    """The guide's `pull.py` keeps, acknowledges, and compares the receipts."""
    needed("openssl")
    office = Office(house, tmp_path, "gids-pull")
    office.environment["PYTHONPATH"] = str(ROOT / "toolkit")
    office.write("office.py", "create.py", "pull.py")
    await office.register(PROFILE)
    journey = await office.run(sys.executable, "create.py", "dossier-2")
    await office.consented(journey)
    session_id = await office.only_session()
    destroyed = await office.run(sys.executable, "pull.py", session_id)
    assert "'payloads': 1" in destroyed
    assert json.loads((tmp_path / f"{session_id}.json").read_text())["reference"] == "dossier-2"
    assert (await office.ended(session_id)).state.value == "delivered"


async def test_a_shell_opens_what_is_sealed_to_rsa(house: House, tmp_path: Path) -> None:
    """`openssl` alone: both signatures of a webhook, and a payload of nlgov, whose signature shows any change."""
    needed("openssl", "curl", "sh", "sed", "od")
    office = Office(house, tmp_path, "gids-shell")
    receiver = Receiver(house.office)
    nlgov = ProfileEntry(id="bijstand", purpose=PURPOSE, required=SOURCES, fields=FIELDS, sealing="nlgov")
    async with listening(receiver.answer) as address:
        await office.register(nlgov, webhook_url=address)
        office.write("office.py", "create.py")
        office.environment["PYTHONPATH"] = str(ROOT / "toolkit")
        await office.consented(await office.run(sys.executable, "create.py", "dossier-3"))
        came = (await receiver.wait_for(lambda came: any(one.kind == "data" for one in came), seconds=30))[:]
    data = next(one for one in came if one.kind == "data")
    (tmp_path / "body").write_bytes(data.body)
    headers = {name: data.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
    assert await office.sh("tools.sh", "verify.sh", **headers) == "v1 holds\nv1a holds\n"
    (tmp_path / "body").write_bytes(data.body + b" ")
    with pytest.raises(AssertionError):
        await office.sh("tools.sh", "verify.sh")
    sealed = data.event["data"]["payload"]
    (tmp_path / "payload.jwe").write_text(sealed)
    await office.sh("tools.sh", "open.sh")
    payload = json.loads((tmp_path / "payload.json").read_text())
    assert (payload["sessionId"], payload["reference"]) == (data.event["data"]["sessionId"], "dossier-3")
    head, key, iv, content, tag = sealed.split(".")
    changed = content[:2000] + ("A" if content[2000] != "A" else "B") + content[2001:]
    (tmp_path / "payload.jwe").write_text(".".join((head, key, iv, changed, tag)))
    with pytest.raises(AssertionError):
        await office.sh("tools.sh", "open.sh")
