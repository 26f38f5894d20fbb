"""Which sources there are: the four built in, and what other packages add by entry point.

Owns registration and the making of connectors from settings. It asks no source anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

import msgspec

from connectors.belastingdienst import Belastingdienst
from connectors.contract import Connector, Manifest
from connectors.mijnoverheid import MijnOverheid
from connectors.mijnpensioenoverzicht import Mijnpensioenoverzicht
from connectors.uwv import Uwv

ENTRY_POINT_GROUP = "ophaalbrug.connectors"

_ID = re.compile(r"[a-z][a-z0-9-]{1,38}")
_PARTS = ("manifest", "settings_type", "collect", "hosts")


class Registry:
    """The connector classes by id. A mistake in one is said at registration, not when a citizen waits."""

    def __init__(self) -> None:
        self._classes: dict[str, type[Connector]] = {}

    def register(self, connector_class: type[Connector]) -> None:
        """Add one class. Raises TypeError when it is no connector, ValueError for its manifest or a taken id."""
        missing = [part for part in _PARTS if not hasattr(connector_class, part)]
        if missing:
            raise TypeError(f"{connector_class!r} is no connector: it lacks {', '.join(missing)}")
        manifest = connector_class.manifest
        _check(manifest)
        if manifest.id in self._classes:
            raise ValueError(f"two connectors call themselves {manifest.id!r}")
        self._classes[manifest.id] = connector_class

    def manifests(self) -> tuple[Manifest, ...]:
        """The manifests of all registered connectors, in the order in which a citizen meets them."""
        found = (connector_class.manifest for connector_class in self._classes.values())
        return tuple(sorted(found, key=lambda manifest: (manifest.order, manifest.id)))

    def connector_class(self, source: str) -> type[Connector] | None:
        """The class of that id, if there is one."""
        return self._classes.get(source)

    def build(self, settings: Mapping[str, Mapping[str, object]]) -> dict[str, Connector]:
        """Make a connector of every table `[connectors.<id>]` in `settings`, by id, in the citizen's order.

        What has no table is not enabled. Raises ValueError, naming the table, for an unknown id or a wrong setting.
        """
        unknown = sorted(settings.keys() - self._classes.keys())
        if unknown:
            raise ValueError(f"no connector called {', '.join(unknown)}; there are: {', '.join(sorted(self._classes))}")
        ids = [manifest.id for manifest in self.manifests() if manifest.id in settings]
        return {id_: _made(self._classes[id_], settings[id_]) for id_ in ids}


def default_registry() -> Registry:
    """The built-in sources and those of the entry point group `ophaalbrug.connectors`. Raises what `register` does."""
    registry = Registry()
    for built_in in (MijnOverheid, Uwv, Belastingdienst, Mijnpensioenoverzicht):
        registry.register(built_in)
    for added in installed():
        registry.register(added)
    return registry


@cache
def installed() -> tuple[type[Connector], ...]:
    """What packages add by entry point, looked up once in a process: it takes longer than a store's answer.

    Raises what importing them raises; whether they are connectors is for `register` to say.
    """
    return tuple(entry_point.load() for entry_point in entry_points(group=ENTRY_POINT_GROUP))


def _check(manifest: object) -> None:
    """Raise TypeError or ValueError unless `manifest` is sound: msgspec structs do not check themselves when made."""
    if not isinstance(manifest, Manifest):
        raise TypeError("a connector's manifest is a Manifest")
    try:
        msgspec.convert(msgspec.to_builtins(manifest), Manifest)
    except (msgspec.ValidationError, TypeError) as error:
        raise ValueError(f"the manifest of {manifest.id!r} is not sound: {error}") from None
    if _ID.fullmatch(manifest.id) is None:
        raise ValueError(f"a connector's id matches {_ID.pattern}, and {manifest.id!r} does not")
    if not (manifest.label.nl and manifest.label.en and manifest.fields and manifest.categories):
        raise ValueError(f"the manifest of {manifest.id!r} lacks a label, a field or a category")
    if not manifest.transports or not 0 < manifest.timeout_seconds <= 600:
        raise ValueError(f"the manifest of {manifest.id!r} needs a transport and a timeout of at most 600 seconds")


def _made(connector_class: type[Connector], table: Mapping[str, object]) -> Connector:
    id_ = connector_class.manifest.id
    try:
        settings = msgspec.convert(table, connector_class.settings_type, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(f"[connectors.{id_}]: {error}") from None
    return connector_class(settings)
