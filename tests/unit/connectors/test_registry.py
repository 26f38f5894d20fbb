"""The registry: what it takes, what it refuses at once, and what it makes of settings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from connectors import registry as registered
from connectors.contract import Absent, Context, Label, Login, Manifest
from connectors.registry import ENTRY_POINT_GROUP, Registry, default_registry

SOUND = Manifest(
    id="proef",
    label=Label(nl="Proef", en="Trial"),
    categories=("persons",),
    fields=("person.name",),
    login=Login(),
)


class TrialSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    base_url: str
    tries: int = 3


class Trial:
    """The smallest connector there is."""

    manifest: ClassVar[Manifest] = SOUND
    settings_type: ClassVar[type[TrialSettings]] = TrialSettings

    def __init__(self, settings: TrialSettings) -> None:
        self.settings = settings

    def hosts(self) -> frozenset[str]:
        return frozenset()

    async def collect(self, context: Context) -> Absent:
        return Absent()


def variant(**changed: Any) -> type[Trial]:
    """Trial with another manifest."""
    return type("Variant", (Trial,), {"manifest": msgspec.structs.replace(SOUND, **changed)})


def registry(*classes: type[Trial]) -> Registry:
    made = Registry()
    for one in classes:
        made.register(one)
    return made


@pytest.mark.parametrize("id_", ["", "x", "Proef", "1proef", "proef_x", "proef.x", "-proef", "p" * 40, "proef\n"])
def test_bad_ids_are_refused(id_: str) -> None:
    """An id is 2 to 39 of a-z, 0-9 and dash, and begins with a letter: it stands in URLs, settings and keys."""
    with pytest.raises(ValueError, match="id"):
        registry(variant(id=id_))


def test_second_of_one_id_is_refused() -> None:
    """Two connectors cannot have one id: neither silently replaces the other."""
    with pytest.raises(ValueError, match="'proef'"):
        registry(Trial, variant())


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 3},
        {"fields": ()},
        {"fields": ("person.shoe-size",)},
        {"categories": ()},
        {"categories": ("secrets",)},
        {"transports": ()},
        {"transports": ("fax",)},
        {"timeout_seconds": 0},
        {"timeout_seconds": 601},
        {"timeout_seconds": "soon"},
        {"label": Label(nl="", en="x")},
        {"login": Login(minimum_level="basic")},  # pyright: ignore[reportArgumentType]
        {"order": object()},
    ],
)
def test_unsound_manifests_are_refused(changed: dict[str, Any]) -> None:
    """A manifest with a value outside the contract is refused at registration."""
    with pytest.raises(ValueError, match="manifest"):
        registry(variant(**changed))


@pytest.mark.parametrize("part", ["manifest", "settings_type", "collect", "hosts"])
def test_what_is_no_connector_is_refused(part: str) -> None:
    """A class that lacks a part of the contract is refused, and the part is named."""
    parts = {name: value for name, value in vars(Trial).items() if name != part and not name.startswith("__")}
    with pytest.raises(TypeError, match=part):
        registry(type("Half", (), parts))
    with pytest.raises(TypeError, match="Manifest"):
        registry(type("Odd", (Trial,), {"manifest": {"id": "proef"}}))


def test_build_enables_only_what_has_settings() -> None:
    """Tables become each connector's own settings, in the citizen's order; what has no table is not there."""
    made = registry(variant(id="late", order=9), variant(id="unused"), variant(id="early", order=1))
    assert [manifest.id for manifest in made.manifests()] == ["early", "late", "unused"]
    built = made.build({"late": {"base_url": "http://a"}, "early": {"base_url": "http://b", "tries": 5}})
    assert list(built) == ["early", "late"]
    assert isinstance(built["early"], Trial)
    assert built["early"].settings == TrialSettings(base_url="http://b", tries=5)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"uvw": {}}, "no connector called uvw; there are: proef"),
        ({"proef": {}}, r"\[connectors.proef\].*base_url"),
        ({"proef": {"base_url": "http://a", "tries": "3"}}, r"\[connectors.proef\].*tries"),
        ({"proef": {"base_url": "http://a", "colour": 1}}, r"\[connectors.proef\].*colour"),
    ],
)
def test_wrong_settings_are_said_clearly(tables: dict[str, dict[str, object]], message: str) -> None:
    """An unknown id says which ids exist; a wrong, missing or unknown setting names its table and itself."""
    with pytest.raises(ValueError, match=message):
        registry(Trial).build(tables)


def test_built_in_sources_in_their_order() -> None:
    """The four sources come with the product, in the order of the journey."""
    ids = [manifest.id for manifest in default_registry().manifests()]
    assert [id_ for id_ in ids if id_ in ids[:4]] == ["mijnoverheid", "uwv", "belastingdienst", "mijnpensioenoverzicht"]


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """A distribution on the path with a connector in the entry point group, as a process that starts now finds it."""
    info = tmp_path / "proefbron-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: proefbron\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\nproef = proefbron:Trial\n")
    (tmp_path / "proefbron.py").write_text(Path(__file__).read_text())
    sys.path.insert(0, str(tmp_path))
    registered.installed.cache_clear()
    yield tmp_path
    registered.installed.cache_clear()
    sys.path.remove(str(tmp_path))
    sys.modules.pop("proefbron", None)


def test_entry_points_add_sources(installed: Path) -> None:
    """An installed package adds its connector by naming it in the group; nothing in the product changes."""
    assert [point.name for point in entry_points(group=ENTRY_POINT_GROUP)] == ["proef"]
    assert "proef" in {manifest.id for manifest in default_registry().manifests()}


def test_packages_are_looked_up_once(installed: Path) -> None:
    """A process keeps the sources that it began with, the same classes each time; a package needs a restart."""
    began_with = default_registry().connector_class("proef")
    assert began_with is not None
    sys.path.remove(str(installed))
    assert default_registry().connector_class("proef") is began_with
    sys.path.insert(0, str(installed))
