"""Which certificate is shown to which source: as the connectors say, and for each host one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from broker.parts import _certificates  # pyright: ignore[reportPrivateUsage]
from broker.settings import Settings, SettingsError
from connectors.outbound import ClientCertificate
from connectors.registry import default_registry
from tests.unit.connectors.pki import Authority, Issued


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return Authority(tmp_path_factory.mktemp("ours")).issue("broker")


def shown_by(tables: dict[str, dict[str, Any]]) -> dict[str, ClientCertificate]:
    settings = Settings(connectors=tables)
    return _certificates(default_registry().build(tables), settings)


def files(issued: Issued) -> dict[str, str]:
    return {"certificate_file": issued.certificate_file, "key_file": issued.key_file}


def pension(url: str, **more: str) -> dict[str, dict[str, Any]]:
    return {"mijnpensioenoverzicht": {"base_url": url, **more}}


def test_every_connector_says_what_is_shown_where(ours: Issued) -> None:
    """MijnOverheid per register, others for all of their hosts; without a certificate there is nothing to show."""
    tables: dict[str, dict[str, Any]] = {
        "mijnoverheid": {
            "brp": {"base_url": "https://a.example", **files(ours)},
            "woz": {"base_url": "https://b.example"},
        },
        "uwv": {"incomes_url": "https://c.example/", "benefits_url": "https://d.example/", **files(ours)},
        "belastingdienst": {"url": "https://e.example/"},
    }
    shown = ClientCertificate(**files(ours))
    assert shown_by(tables) == {"a.example:443": shown, "c.example:443": shown, "d.example:443": shown}


def test_of_a_plug_in_that_does_not_say_the_table_counts(ours: Issued) -> None:
    """A connector without `certificates` has them shown to all of its hosts, as before."""

    class PlugIn:
        def hosts(self) -> frozenset[str]:
            return frozenset({"f.example:443"})

    tables = {"plug-in": files(ours)}
    found = _certificates({"plug-in": PlugIn()}, Settings(connectors=tables))  # pyright: ignore[reportArgumentType]
    assert found == {"f.example:443": ClientCertificate(**files(ours))}
    assert _certificates({"plug-in": PlugIn()}, Settings(connectors={"plug-in": {}})) == {}  # pyright: ignore[reportArgumentType]


def test_a_file_that_cannot_be_used_stops_the_start(ours: Issued, tmp_path: Path) -> None:
    """Missing, no certificate, or a key of another: said by the table's name, not by the file's."""
    (tmp_path / "empty").write_text("")
    other = Authority(tmp_path, "elsewhere").issue("other")
    for broken in (
        {"certificate_file": str(tmp_path / "gone"), "key_file": ours.key_file},
        {"certificate_file": str(tmp_path / "empty"), "key_file": ours.key_file},
        {"certificate_file": ours.certificate_file, "key_file": other.key_file},
        {"authority_file": str(tmp_path / "gone")},
    ):
        with pytest.raises(SettingsError, match=r"mijnpensioenoverzicht.*cannot be used") as caught:
            shown_by(pension("https://g.example", **broken))
        assert str(tmp_path) not in str(caught.value)


def test_one_host_is_shown_one_thing(ours: Issued) -> None:
    """Two connectors at one gateway share its connections, so they cannot show it different certificates."""
    tax = {"belastingdienst": {"url": "https://gateway.example/bd", **files(ours)}}
    together = {**tax, **pension("https://gateway.example/mpo", **files(ours))}
    assert shown_by(together) == {"gateway.example:443": ClientCertificate(**files(ours))}
    with pytest.raises(SettingsError, match="same host"):
        shown_by({**tax, **pension("https://gateway.example/mpo", authority_file=ours.certificate_file)})
