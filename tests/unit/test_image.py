"""The container image, as far as it can be known without building it: what is copied is whole, and starts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
IGNORED = shutil.ignore_patterns("__pycache__")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
START = """
import sys
sys.path.insert(0, sys.argv[1])
import broker.cli, sandbox.demo, sandbox.office
ours = {name.partition(".")[0] for name in sys.argv[2:]}
loaded = {name: module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] in ours}
print(*sorted(name for name, file in loaded.items() if not file.startswith(sys.argv[1])))
print(*sorted({name.partition(".")[0] for name in loaded}))
"""


def copied() -> list[str]:
    """What the Dockerfile takes from the project."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


def files_of(folder: Path) -> set[str]:
    """Every file under a folder, without compiled ones."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as the image builds it from nothing but what is copied there, and unpacked."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=IGNORED)
        else:
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(made)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(made / "unpacked")
    return made / "unpacked"


def test_all_that_is_packed_is_copied_and_nothing_else_is_let_through() -> None:
    """Every package of the wheel is in the image's source, and the folder that the build sees holds just that."""
    assert [name for name in PACKAGES if name.partition("/")[0] not in copied()] == []
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())


@pytest.mark.parametrize("package", PACKAGES)
def test_the_image_holds_every_file_of_the_source(unpacked: Path, package: str) -> None:
    """Scripts of the store, templates, texts, styles, certificates: what code reads beside itself came along."""
    wanted = files_of(ROOT / package)
    assert wanted
    assert wanted - files_of(unpacked / Path(package).name) == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_carries_its_types(unpacked: Path, package: str) -> None:
    """The project says it is typed; type checkers believe that of a package with this file only (PEP 561)."""
    assert "Typing :: Typed" in PROJECT["project"]["classifiers"]
    assert (unpacked / Path(package).name / "py.typed").is_file()


def test_what_is_in_the_image_starts(unpacked: Path, tmp_path: Path) -> None:
    """The command line, the demo and the pretend back office load from the wheel alone."""
    names = [Path(package).name for package in PACKAGES]
    command = [sys.executable, "-I", "-c", START, str(unpacked), *names]
    ended = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    elsewhere, loaded = ended.stdout.splitlines()
    assert (elsewhere, loaded.split()) == ("", sorted(names))


@pytest.mark.parametrize(
    ("peer", "client"),
    [("172.18.0.1", "203.0.113.5"), ("192.168.16.1", "203.0.113.5"), ("203.0.113.9", "203.0.113.9")],
    ids=["bridge", "another bridge", "somebody"],
)
async def test_a_proxy_of_the_host_says_who_asks(peer: str, client: str) -> None:
    """It comes in by Docker's own network. What it added counts; what a client wrote before it, or others, does not."""
    allowed = re.fullmatch(r"\$\{FORWARDED_ALLOW_IPS:-(.+)\}", SERVICES["broker"]["environment"]["FORWARDED_ALLOW_IPS"])
    assert allowed is not None
    seen: list[str] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    headers = [(b"x-forwarded-for", b"198.51.100.1, 203.0.113.5")]
    scope: Any = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
    never: Any = None
    await ProxyHeadersMiddleware(application, allowed[1])(scope, never, never)
    assert seen == [client]


def test_the_image_listens_where_it_is_asked_for() -> None:
    """By itself too: its port is the one that is exposed, checked, and led to by compose.yaml, on this machine only."""
    (port,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    assert f"OPHAALBRUG_PORT={port}" in DOCKERFILE
    assert "OPHAALBRUG_HOST=0.0.0.0" in DOCKERFILE
    assert f"http://127.0.0.1:{port}/readyz" in DOCKERFILE[DOCKERFILE.index("HEALTHCHECK") :]
    assert SERVICES["broker"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    led = [where for service in SERVICES.values() for where in service.get("ports", [])]
    assert all(where.startswith("127.0.0.1:") for where in led)
