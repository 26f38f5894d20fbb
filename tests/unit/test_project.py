"""Static rules of the project itself: what is locked, what is deployed, what is promised in the Makefile."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from redis.exceptions import NoPermissionError

from broker.settings import load
from sessions.store.embedded import binary

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")
TARGETS = ("demo", "test", "coverage", "check", "audit", "bench", "faults", "mutants", "screenshots", "run", "lock")
# Written so that this file does not hold what it looks for.
UNWANTED = re.compile(r"py[p]i\.org|python[h]osted\.org|registry\.[n]pmjs\.org|de[b]\.debian\.org|/[w]ork/|/[r]oot/")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
every_lock = pytest.mark.parametrize("lock", LOCKS)


@every_lock
def test_every_locked_package_is_pinned_with_hashes(lock: str) -> None:
    """One version each, and a download that was tampered with does not install."""
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text("utf-8").strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+ ", entry), entry[:60]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:60]


@every_lock
def test_locks_name_no_addresses(lock: str) -> None:
    """Packages and versions only: where they come from is the installing machine's business."""
    assert "://" not in (ROOT / lock).read_text("utf-8")


def test_the_smaller_locks_agree_with_the_larger() -> None:
    """What is tested is what runs: the image installs the versions the tests ran with."""
    dev = _pins("requirements-dev.lock")
    assert _pins("requirements.lock") <= dev
    assert _pins("requirements-build.lock") <= dev


def test_the_development_lock_can_build_the_project() -> None:
    """`--no-build-isolation` needs the build backend, and an editable install needs `editables`."""
    assert {"hatchling", "editables"} <= {name for name, _ in _pins("requirements-dev.lock")}


def test_no_file_names_a_registry_or_a_place_on_one_machine() -> None:
    """A clone works anywhere: no registry hosts, no absolute paths of whoever wrote it."""
    found = [
        f"{path.relative_to(ROOT)}: {hit.group()}" for path, text in _tracked_texts() for hit in UNWANTED.finditer(text)
    ]
    assert found == []


@every_service
def test_services_start_with_as_little_as_possible(service: dict[str, Any]) -> None:
    """Read-only root, no capabilities, no way to gain any, a user that is not root."""
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])


@every_service
def test_memory_does_not_reach_a_disk(service: dict[str, Any]) -> None:
    """Personal data passes through memory: no swap, no core dumps, temporary files in memory.

    Swap is what `memswap_limit` leaves above `mem_limit`: nothing; `mem_swappiness` alone says nothing under cgroup v2.
    """
    assert service["mem_limit"] == service["memswap_limit"]
    assert re.fullmatch(r"[1-9]\d*[mg]", service["mem_limit"])
    assert service["mem_swappiness"] == 0
    assert service["ulimits"]["core"] == 0
    assert service["tmpfs"]


def test_a_full_store_refuses_before_its_container_is_killed() -> None:
    """Its data may fill half of the container's memory: a rewrite of the file copies what changes meanwhile."""
    command = SERVICES["valkey"]["command"]
    most, limit = command[command.index("--maxmemory") + 1], SERVICES["valkey"]["mem_limit"]
    assert (most.removesuffix("gb").isdigit(), limit.removesuffix("g").isdigit()) == (True, True)
    assert 2 * int(most.removesuffix("gb")) <= int(limit.removesuffix("g"))


@every_service
def test_services_say_whether_they_are_well(service: dict[str, Any]) -> None:
    """A health check each, run as a program and not through a shell."""
    assert service["healthcheck"]["test"][0] == "CMD"


@every_service
def test_images_have_a_version(service: dict[str, Any]) -> None:
    """`latest` is another image tomorrow."""
    _, _, tag = service["image"].partition(":")
    assert re.search(r"\d", tag)


def test_secrets_are_files() -> None:
    """Nothing secret stands in the environment, which every process and every `inspect` shows."""
    variables = {name for service in SERVICES.values() for name in service.get("environment", {})}
    assert not [
        name for name in variables if re.search("SECRET|KEY|PASSWORD|TOKEN|URL", name.removesuffix("_KEYS_FILE"))
    ]
    assert (ROOT / "deploy" / ".gitignore").read_text("utf-8") == "secrets/\n"


def test_the_settings_that_compose_begins_with_are_some(tmp_path: Path) -> None:
    """Production takes the file that deploy/README.md has its reader write, with its examples of what is their own."""
    (text,) = re.findall(r"<<TOML\n(.*?)^TOML$", (ROOT / "deploy" / "README.md").read_text("utf-8"), re.DOTALL | re.M)
    file = tmp_path / "ophaalbrug.toml"
    file.write_text(text.replace("$password", "right"), encoding="utf-8")
    environment = {name: value for name, value in SERVICES["broker"]["environment"].items() if "OPHAALBRUG" in name}
    assert load(environment, file).mode == "production"


def test_the_image_does_not_run_as_root() -> None:
    """The last stage ends as a user without rights, with a health check, installing only what its hash proves."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    last = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert all(
        "--require-hashes" in line or "--no-index" in line for line in text.splitlines() if "pip install" in line
    )


def test_the_store_keeps_to_its_rules(store: Path) -> None:
    """The production configuration, in the real server: durable, and its user can do its work and no harm."""
    with redis.Redis(unix_socket_path=str(store), username="ophaalbrug", password="right") as client:
        assert client.config_get("appendonly", "appendfsync") == {"appendonly": "yes", "appendfsync": "always"}
        assert client.eval("redis.call('SET', KEYS[1], 'v') return redis.call('GET', KEYS[1])", 1, "{p0}:k") == b"v"
        assert client.time()[0] > 0
        for command in ("FLUSHALL", "KEYS *", "MONITOR", "CONFIG SET save 1", "SHUTDOWN", "ACL LIST", "SLOWLOG GET"):
            with pytest.raises(NoPermissionError):
                client.execute_command(command)


def test_the_stores_health_user_can_only_ping(store: Path) -> None:
    """It has no password, so it has no rights."""
    with redis.Redis(unix_socket_path=str(store), username="health", password="none") as client:
        assert client.execute_command("PING")
        with pytest.raises(NoPermissionError):
            client.get("{p0}:k")


def test_the_store_knows_nobody_by_default(store: Path) -> None:
    """Without a name and password there is nothing to ask."""
    with redis.Redis(unix_socket_path=str(store), protocol=2) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_an_audit_that_checked_nothing_is_no_success(tmp_path: Path) -> None:
    """pip-audit can end well having checked nothing; ours then ends with 2 and says so."""
    lock = tmp_path / "some.lock"
    lock.write_text("idna==3.10 --hash=sha256:" + "0" * 64 + "\n", "utf-8")
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HOME": str(tmp_path)}
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(lock)]
    ended = subprocess.run(command, env=nowhere, check=False, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "Nothing of" in ended.stderr


def test_the_makefile_has_the_promised_targets() -> None:
    """The commands others rely on, each said in `make help`."""
    text = (ROOT / "Makefile").read_text("utf-8")
    declared = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    assert set(TARGETS) <= declared
    assert set(TARGETS) <= set(re.findall(r'"make ([a-z]+) ', text))
    assert {"help", *TARGETS} == set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())  # type: ignore[index]


def test_the_changelog_has_a_place_for_the_next_change() -> None:
    """Every change leaves a line for its users."""
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_decision_is_a_page_and_every_page_is_listed() -> None:
    """docs/decisions/README.md lists what there is, and nothing else."""
    folder = ROOT / "docs" / "decisions"
    pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
    listed = set(re.findall(r"\(([^)/]+\.md)\)", (folder / "README.md").read_text("utf-8")))
    assert listed == pages
    for page in sorted(pages - {"dependencies.md"}):
        text = (folder / page).read_text("utf-8")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Alternatives"]


def test_every_dependency_earned_its_line() -> None:
    """docs/decisions/dependencies.md says of each declared package what it is for, and of no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = (*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values())
    declared = {
        re.split(r"[^a-z0-9-]", line)[0] for group in (project["project"]["dependencies"], *groups) for line in group
    }
    text = (ROOT / "docs" / "decisions" / "dependencies.md").read_text("utf-8")
    explained = {
        name for row in re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE) for name in re.findall("`(.*?)`", row)
    }
    assert explained == declared


def _pins(lock: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))


def _tracked_texts() -> Iterator[tuple[Path, str]]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        path = ROOT / name
        if path.is_file():
            yield path, path.read_bytes().decode("utf-8", "replace")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """The server on `deploy/valkey.conf` and `deploy/users.acl`; only their places differ. Yields its socket."""
    socket = tmp_path / "s"
    acl = (ROOT / "deploy" / "users.acl").read_text("utf-8")
    (tmp_path / "users.acl").write_text(acl.replace("PASSWORD_SHA256", hashlib.sha256(b"right").hexdigest()), "utf-8")
    places = [
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--dir",
        str(tmp_path),
        "--aclfile",
        str(tmp_path / "users.acl"),
    ]
    command = [str(binary()), str(ROOT / "deploy" / "valkey.conf"), *places]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert server.stdout is not None
        assert any("Ready to accept connections" in line for line in server.stdout), "the server did not start"
        yield socket
    finally:
        server.terminate()
        server.communicate(timeout=20)
