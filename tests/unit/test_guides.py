"""The guides stay true: their tables are those of the code, and their examples run as they stand."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tomllib
from collections.abc import AsyncGenerator, Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import msgspec
import pytest
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from jwcrypto import jwk
from prometheus_client import Metric

from broker import delivery, oauth, providers
from broker.cli import main
from broker.creation import HOUR, SessionRequest
from broker.errors import CATALOGUE
from broker.keys import Keys, make, renewed
from broker.settings import Settings, documented, load
from broker.telemetry import metrics
from connectors import registry
from connectors.contract import Absent, Connector, Context, Failed, Field, Found, Skipped, SourceError, Subject
from connectors.documents import DocumentSettings
from connectors.login import LoginSettings
from connectors.outbound import Door
from connectors.registry import default_registry
from connectors.testing import ConnectorConformance
from sandbox.citizen import collect
from sandbox.stage import SOURCES
from sessions import ending, lifecycle
from sessions.model import ENDS, SourceStatus
from tests.answering import answering
from tests.house import House, standing
from tests.integration.provider.asking import linked_phone
from tests.stores import Store

ROOT = Path(__file__).resolve().parents[2]
GUIDES = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "docs" / "guides").glob("*.md"))}
every_guide = pytest.mark.parametrize("guide", GUIDES)

# What only citizens' phones and browsers meet; any other code belongs in the provider's table.
FOR_CITIZENS = re.findall(
    r"\S+",
    "already-paired consent-needs-login document-damaged document-encrypted document-not-supported "
    "document-other-document document-too-large document-too-many-pages document-too-slow document-version "
    "document-wrong-person frozen household-unknown invalid-proof login-unavailable login-unknown not-ready "
    "not-your-part pairing-ended replayed review-changed source-busy source-required source-unavailable "
    "taken-over token-invalid too-many-documents too-many-remarks too-many-texts unknown-person unknown-source "
    "uploads-off use-dpop-nonce wrong-code wrong-person wrong-secret",
)
TIMES = {
    "a session waits for someone to start, by default": Settings().session_hours * HOUR,
    "access token": oauth.TOKEN_SECONDS,
    "client assertion, at most": oauth.ASSERTION_SECONDS,
    "`Idempotency-Key` is remembered": lifecycle.DAY,
    "QR code is accepted": lifecycle.TOKEN_ACCEPTED_SECONDS,
    "typed code": lifecycle.TYPED_CODE_SECONDS,
    "pairing code, with 3 tries": lifecycle.PAIRING_CODE_SECONDS,
    "DigiD login": lifecycle.LOGIN_SECONDS,
    "a retry needs no new login": lifecycle.IDENTITY_SECONDS,
    "an attempt without any request of a phone": lifecycle.IDLE_SECONDS,
    "an attempt in all": lifecycle.ATTEMPT_SECONDS,
    "delivery, from the last consent until `undelivered`": lifecycle.DELIVERY_SECONDS,
    "the notice that asks to delete (`withdrawn`) is tried": lifecycle.DELIVERY_SECONDS,
    "any other notice is tried": lifecycle.DAY,
    "the citizen's closing page": lifecycle.CLOSING_SECONDS,
    "what is left after the end: status, counts, receipts": lifecycle.TOMBSTONE_SECONDS,
}
SECRET = providers.new_webhook_secret()
UNITS = {"seconds": 1, "s": 1, "minutes": 60, "min": 60, "hours": 3600, "h": 3600, "days": 86400, "weeks": 604800}


def block(guide: str, name: str) -> str:
    """The code in a guide under this file name."""
    found = re.findall(rf"^```\w+ {re.escape(name)}\n(.*?)^```$", GUIDES[guide], re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{guide}.md has {len(found)} blocks called {name}"
    return found[0]


def table(guide: str, first_column: str) -> list[tuple[str, ...]]:
    """The rows of the table whose first column is called so."""
    _, _, below = GUIDES[guide].partition(f"\n| {first_column} |")
    assert below, f"{guide}.md has no table of {first_column}"
    rows = below.partition("\n\n")[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]


def seconds(text: str) -> float:
    """`2 minutes`, in seconds."""
    number, unit = text.split()
    return float(number) * UNITS[unit if unit in UNITS else f"{unit}s"]


def run_python(code: str) -> dict[str, Any]:
    """What a block of Python defines."""
    names: dict[str, Any] = {}
    exec(compile(code, "guide", "exec", dont_inherit=True), names)  # noqa: S102 - our own text
    return names


@every_guide
def test_links_lead_somewhere(guide: str) -> None:
    """A relative link leads to a file of the project, and to a heading that is in it."""
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", GUIDES[guide]):
        path, _, anchor = target.partition("#")
        text = (ROOT / "docs" / "guides" / (path or f"{guide}.md")).read_text("utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, target


@every_guide
def test_commands_exist(guide: str) -> None:
    """Every `ophaalbrug …` in a guide is a command of the command line."""
    for line in re.findall(r"[`/]ophaalbrug ([a-z][a-z ]*)", GUIDES[guide]):
        group: click.Command = main
        for word in line.split():
            assert isinstance(group, click.Group), line
            group = group.commands[word]
            if not isinstance(group, click.Group):
                break


def test_the_guides_can_be_found() -> None:
    """The README names every guide."""
    assert {f"docs/guides/{guide}.md" for guide in GUIDES} <= set(
        re.findall(r"\((docs/guides/[a-z-]+\.md)\)", (ROOT / "README.md").read_text("utf-8"))
    )


def test_the_provider_file_is_one(tmp_path: Path) -> None:
    """It is read as `provider add` reads it, and names every field there is, also what may be left out of a webhook."""
    text, file = block("provider", "provider.toml"), tmp_path / "provider.toml"
    file.write_text(text, encoding="utf-8")
    found = providers.completed(providers.read_file(file), None)
    assert found.profile[0].fields == get_args(Field)
    assert found.webhook is not None
    assert (found.webhook.secret[:6], found.webhook.types) == ("whsec_", ())
    file.write_text(re.sub(r"^# (types = \[.*?\]).*", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    named = providers.read_file(file).webhook
    assert named is not None
    assert named.types == ("delivered",)


def test_the_table_of_errors_is_the_catalogue() -> None:
    """Code, status and sentence as they are answered, and no code of a provider's left out."""
    rows = table("provider", "code")
    known = {f"`{code}`": (str(entry.status), entry.en) for code, entry in CATALOGUE.items()}
    assert {row[0]: row[1:3] for row in rows} == {row[0]: known[row[0]] for row in rows}
    assert {row[0].strip("`") for row in rows} == set(CATALOGUE) - set(FOR_CITIZENS)


def test_the_table_of_times_is_that_of_the_code() -> None:
    """Every time in it is a constant of the code; the last is what a request may ask."""
    rows = {row[0]: row[1] for row in table("provider", "what")}
    least, most = rows.pop("the same, with `expiresIn`").split(" to ")
    assert {name: seconds(text) for name, text in rows.items()} == TIMES
    for bound in (least, most):
        made = msgspec.json.encode({"profile": "x", "expiresIn": int(seconds(bound))})
        assert msgspec.json.decode(made, type=SessionRequest).expires_in == seconds(bound)
    assert f"with {lifecycle.PAIRING_TRIES} tries" in GUIDES["provider"]


def test_the_table_of_reasons_is_that_of_the_code() -> None:
    """Every reason with which a session is ended, and in which state that leaves it."""
    code = "".join(path.read_text("utf-8") for name in ("broker", "sessions") for path in (ROOT / name).glob("*.py"))
    said = {*re.findall(r'\bend\(session, [\w.]+, "([a-z-]+)"', code), *get_args(get_type_hints(ending.stop)["by"])}
    rows = table("provider", "`reason`")
    assert {row[0].strip("`") for row in rows} == said
    assert {row[1].strip("`") for row in rows} <= {state.value for state in ENDS}


def test_the_codes_of_a_missing_source_are_those_of_the_code() -> None:
    """What a source can be when somebody consents and it did not answer."""
    (sentence,) = re.findall(r"its `code` is what became of it: (.*?)\.", " ".join(GUIDES["provider"].split()))
    under_way = {SourceStatus.LOGIN, SourceStatus.FETCHING}
    answered = {SourceStatus.COLLECTED, SourceStatus.ABSENT}
    assert set(re.findall(r"`(\w+)`", sentence)) == {status.value for status in {*SourceStatus} - under_way - answered}


def test_any_of_several_signatures_is_enough() -> None:
    """While the broker replaces its webhook key there are two: whoever knows only one of them goes on. None is none."""
    before = make()
    old, new = Keys(before), Keys(renewed(before))
    headers = delivery.signature_headers(new, providers.Webhook(url="http://x", secret=SECRET), "evt_1", 1, b"{}")
    assert headers["webhook-signature"].count("v1a,") == 2
    check = run_python(block("provider", "receive.py"))["check_v1a"]
    for keys in (old, new):
        check(keys.webhook_public(), headers, b"{}")
        for other in ({**headers, "webhook-signature": "v1,AAAA v1a,x"}, {**headers, "webhook-id": "evt_2"}):
            with pytest.raises(InvalidSignature):
                check(keys.webhook_public(), other, b"{}")
    with pytest.raises(InvalidSignature):
        check(Keys(make()).webhook_public(), headers, b"{}")


def test_the_schedule_of_deliveries_is_that_of_the_code() -> None:
    """The waits between attempts, the size that goes inline, and how long a receiver has."""
    (sentence,) = re.findall(r"tried again: after (.*?), each", " ".join(GUIDES["provider"].split()))
    assert tuple(seconds(wait) for wait in re.split(r", | and ", sentence)) == delivery.SCHEDULE_SECONDS
    assert f"at most {delivery.INLINE_MAX_BYTES:,} bytes" in GUIDES["provider"]
    assert f"{Settings().webhook_timeout_seconds:.0f} seconds to answer" in " ".join(GUIDES["provider"].split())


def test_the_table_of_settings_is_complete() -> None:
    """Every setting with its default and its sentence, in the order of the code."""
    wanted = [
        (f"`{name}`", f"`{default}`" if default else "(empty)", escape(about, quote=False))
        for name, default, about in documented()
    ]
    assert table("operator", "setting") == wanted


def test_the_settings_file_is_one(tmp_path: Path) -> None:
    """Production takes it, every connector can be made of it, and no setting of the login is left out."""
    file = tmp_path / "ophaalbrug.toml"
    file.write_text(block("operator", "ophaalbrug.toml"), encoding="utf-8")
    settings = load({}, file)
    assert settings.mode == "production"
    assert msgspec.convert(settings.login, LoginSettings).hosts() == {"digid.voorbeeld.example:443"}
    assert list(default_registry().build(settings.connectors)) == list(SOURCES)
    login = block("operator", "ophaalbrug.toml").partition("[login]")[2].partition("\n[")[0]
    assert [field.name for field in msgspec.structs.fields(LoginSettings) if field.name not in login] == []


def test_the_uploads_of_the_guide_are_settings() -> None:
    """Every setting of the table is named in its block, with its default where one is given."""
    text = block("operator", "uploads.toml")
    given = msgspec.convert(tomllib.loads(text)["uploads"], DocumentSettings)
    assert given.sources == ("uwv", "mijnpensioenoverzicht")
    plain = DocumentSettings()
    for field in msgspec.structs.fields(DocumentSettings):
        assert field.name in text
        if isinstance(default := getattr(plain, field.name), int | float):
            assert f"{field.name} = {default:g}" in text or f"{field.name} = {default}" in text


def test_metrics_and_log_events_exist() -> None:
    """Metrics with their labels; every event in the guide is logged, and every error is in the guide."""
    families: list[Metric] = list(metrics.collect())
    named = {row[0].strip("`"): row[1] for row in table("operator", "metric")}
    assert {name.removesuffix("_total") for name in named} == {family.name for family in families}
    code = "".join(path.read_text("utf-8") for path in sorted((ROOT / "broker").rglob("*.py")))
    for name, labels in named.items():
        made = code.partition(f'"{name}"')[2].partition("[")[2].partition("]")[0]
        assert re.findall(r"\w+", labels) == re.findall(r"\w+", made), name
    logged = {event: level for level, event in re.findall(r'log\.(\w+)\(\s*"([a-z_]+\.[a-z_]+)"', code)}
    told = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", " ".join(row[0] for row in table("operator", "event"))))
    assert told <= set(logged)
    assert {event for event, level in logged.items() if level == "error"} <= told


class Webhook:
    """The guide's webhook: checks both signatures as the guide does, keeps the events, and is not ready for data."""

    def __init__(self) -> None:
        self.guide = run_python(block("provider", "receive.py"))
        self.secret = self.public = ""
        self.events: dict[str, dict[str, Any]] = {}
        self.news = asyncio.Condition()

    async def answer(self, request: web.Request) -> web.Response:
        """One request."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        event = self.guide["receive"](self.secret, headers, body)
        self.guide["check_v1a"](self.public, headers, body)
        async with self.news:
            self.events[event["type"].rpartition(".")[2]] = event
            self.news.notify_all()
        return web.Response(status=503 if "payload" in event["data"] else 204)

    async def wait_for(self, kind: str) -> dict[str, Any]:
        """What the event of this kind says. Raises TimeoutError."""
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: kind in self.events)
            return self.events[kind]["data"]


class Shell:
    """A folder in which the guide's blocks run, with the variables the guide speaks of."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables

    async def run(self, *names: str) -> list[Any]:
        """Run blocks of the shell one after another; gives every JSON document that the last one prints."""
        code = "set -eu\n" + "\n".join(block("provider", name) for name in names)
        out = await self._run("sh", "-c", code)
        return [msgspec.json.decode(line) for line in out.replace("}{", "}\n{").splitlines()]

    async def python(self, name: str) -> str:
        """Run a block of Python; gives what it prints."""
        return await self._run(sys.executable, "-c", block("provider", name))

    async def _run(self, *command: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **self.variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate()
        assert process.returncode == 0, error.decode() + out.decode()
        return out.decode()


async def register(house: House, shell: Shell, webhook_url: str) -> providers.Provider:
    """The guide's provider file, with the keys that the guide's blocks made and an address of this machine."""
    await shell.run("keys.sh")
    keys = await shell.python("keys.py")
    text = re.sub(r"^keys = \[.*?^\]\n", keys, block("provider", "provider.toml"), flags=re.MULTILINE | re.DOTALL)
    file = shell.folder / "provider.toml"
    file.write_text(re.sub(r'^url = "[^"]*"', f'url = "{webhook_url}"', text, flags=re.MULTILINE), encoding="utf-8")
    provider = providers.read_file(file)
    return (await house.parts.providers.put(provider)).kept


@pytest.fixture
async def house(tmp_path: Path, single_store: Store) -> AsyncGenerator[House]:
    """A standing house; the guide's provider joins it."""
    async with standing(tmp_path, single_store.url) as built:
        yield built


async def test_a_provider_gets_there_with_the_guide_alone(house: House, tmp_path: Path) -> None:
    """From making keys to the receipts: every block of the provider guide, in order, against a real broker."""
    absent = [name for name in ("openssl", "curl", "sh") if shutil.which(name) is None]
    if absent:
        pytest.skip(f"the guide's commands need {', '.join(absent)}")
    webhook, shell = Webhook(), Shell(tmp_path, BROKER=house.url)
    async with answering(webhook.answer) as address:
        provider = await register(house, shell, address)
        assert provider.webhook is not None
        webhook.secret, webhook.public = provider.webhook.secret, house.parts.keys.webhook_public()
        shell.variables["PROVIDER"] = provider.id
        (created,) = await shell.run("token.sh", "create.sh")
        assert (await shell.run("token.sh", "create.sh")) == [created]  # the same Idempotency-Key
        shell.variables["SESSION"] = created["id"]
        session, page = await shell.run("token.sh", "follow.sh")
        assert (session["status"], [line["id"] for line in page["sessions"]]) == ("created", [created["id"]])
        phone = await linked_phone(house, created["journeyUrl"])
        await collect(phone, "applicant", "single", SOURCES)
        assert (await phone.consent("applicant", await phone.review())).sent
        data = await webhook.wait_for("data")
        payload, shell.variables["DIGEST"] = await opened(house, tmp_path, data["payload"])
        assert (payload["sessionId"], payload["reference"]) == (created["id"], "dossier-2026-0042")
        assert shell.variables["DIGEST"] == data["payloadDigest"]
        delivered, receipts = await shell.run("token.sh", "acknowledge.sh")
        assert (delivered["status"], set(receipts["consentReceiptDigests"])) == ("delivered", {"applicant"})
        assert receipts["purgeReceipt"] == (await webhook.wait_for("delivered"))["purgeReceipt"]
        assert (await shell.run("token.sh", "cancel.sh"))[0]["status"] == "delivered"
        hook, tried, waiting = await shell.run("token.sh", "webhook.sh")
        assert (hook["status"], tried["outcome"], waiting["deliveries"]) == ("enabled", "accepted", [])


async def opened(house: House, folder: Path, sealed: str) -> tuple[dict[str, Any], str]:
    """What the guide's code finds in a payload, and its digest."""
    async with house.http.get(f"{house.url}/.well-known/jwks.json") as answer:
        broker = jwk.JWKSet.from_json(await answer.text())
    own = jwk.JWK.from_pem((folder / "enc.pem").read_bytes())
    return run_python(block("provider", "open_payload.py"))["open_payload"](sealed, own, broker)


EXAMPLE = ROOT / "examples" / "connector-duo"
ABOUT = "999990019"
REGISTER: Mapping[str, tuple[int, bytes]] = {
    "found": (200, (EXAMPLE / "tests" / "answers" / "loans.json").read_bytes()),
    "none": (200, (EXAMPLE / "tests" / "answers" / "no-loans.json").read_bytes()),
    "unknown": (200, b'{"data": {"ingeschrevenPersoon": null}}'),
    "gone": (404, b""),
    "nonsense": (200, b"<html>"),
    "other": (200, b'{"data": {"ingeschrevenPersoon": {"bsn": "999990160", "heeftStudieLening": []}}}'),
    "down": (503, b""),
}


@pytest.mark.parametrize(
    "name", ["ophaalbrug_duo.py", "pyproject.toml", "tests/test_duo.py", "tests/answers/loans.json"]
)
def test_the_example_connector_is_the_one_in_the_project(name: str) -> None:
    """Each block of the guide is the file of the example package, to the letter."""
    assert block("connector", name) == (EXAMPLE / name).read_text("utf-8")


def test_the_table_of_sources_is_complete() -> None:
    """Every field of every built-in source, in the order in which a citizen meets them, with nothing left open."""
    rows = table("sources", "source | field")
    built_in = [(manifest.id, field) for manifest in default_registry().manifests() for field in manifest.fields]
    assert [(row[0], row[1]) for row in rows] == built_in
    assert all(all(row) and len(row) == 7 for row in rows)


def test_the_table_of_checks_is_the_kit() -> None:
    """Every check of the conformance kit, in its order."""
    checks = [f"`{name}`" for name in vars(ConnectorConformance) if name.startswith("test_")]
    assert [row[0] for row in table("connector", "check")] == checks


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The guide's connector as a package of its own, with the entry point of its pyproject.toml."""
    project = tomllib.loads(block("connector", "pyproject.toml"))["project"]
    ((group, points),) = project["entry-points"].items()
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"{name} = {target}" for name, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
    (tmp_path / "ophaalbrug_duo.py").write_text(block("connector", "ophaalbrug_duo.py"))
    monkeypatch.syspath_prepend(tmp_path)
    registry.installed.cache_clear()
    yield
    registry.installed.cache_clear()
    sys.modules.pop("ophaalbrug_duo", None)


async def asked(connector: Connector, fields: frozenset[Field]) -> Any:
    """The outcome, or the SourceError that the broker makes one of."""

    async def progress(part: str) -> None:
        del part

    door = Door.configured(connector.hosts())
    subject, now = Subject(bsn=ABOUT, level="substantial"), datetime(2026, 1, 2, tzinfo=UTC)
    try:
        return await connector.collect(
            Context(subject=subject, fields=fields, door=door, now=now, request_id="r-1", progress=progress)
        )
    except SourceError as error:
        return error.failed
    finally:
        await door.close()


@pytest.mark.usefixtures("installed")
async def test_the_example_connector_is_one() -> None:
    """It joins by its entry point and its settings alone, and gives every outcome of the contract over a socket."""
    came: list[tuple[str, str]] = []
    answers = iter(REGISTER.values())

    async def register(request: web.Request) -> web.Response:
        came.append((request.headers["X-API-KEY"], (await request.json())["variables"]["bsn"]))
        status, body = next(answers)
        return web.Response(status=status, body=body)

    async with answering(register) as address:
        tables = tomllib.loads(block("connector", "ophaalbrug.toml"))["connectors"]
        tables["duo"]["url"] = f"{address}/graphql"
        connector = default_registry().build(tables)["duo"]
        outcomes = {name: await asked(connector, frozenset({"debt.other"})) for name in REGISTER}
        assert await asked(connector, frozenset({"address"})) == Skipped(reason="no-field-asked")
    found = outcomes.pop("found")
    assert isinstance(found, Found)
    debt = found.records.debts[0]
    assert debt.outstanding is not None
    assert (str(debt.outstanding.amount), debt.sources[0].source) == ("8123.45", "duo")
    assert {name for name, outcome in outcomes.items() if outcome == Absent()} == {"none", "unknown"}
    failures = {name: outcome.kind for name, outcome in outcomes.items() if isinstance(outcome, Failed)}
    assert failures == {"gone": "refused", "nonsense": "unreadable", "other": "wrong-person", "down": "unavailable"}
    assert came == [("KEY", ABOUT)] * len(REGISTER)
