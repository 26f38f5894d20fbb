"""Settings: file and environment, every name known, and what production refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from broker.settings import Settings, SettingsError, check, documented, load
from sessions.secrets import new_session_id

SAFE: dict[str, Any] = {
    "mode": "production",
    "base_url": "https://broker.example",
    "keys_file": "/run/keys.json",
    "secret": "s" * 32,
    "contact_email": "beheer@broker.example",
    "contact_url": "https://broker.example/over",
    "source_urn": "urn:nld:oin:00000009990000000000:systeem:broker",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ophaalbrug.toml"


def test_without_anything_there_are_defaults_for_development(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One machine, loopback, the embedded store, 72 hours."""
    monkeypatch.chdir(tmp_path)
    settings = load({})
    assert settings == Settings()
    assert (settings.mode, settings.host, settings.redis_url, settings.session_hours) == (
        "development",
        "127.0.0.1",
        "",
        72,
    )


def test_a_file_that_was_named_must_be_there(file: Path) -> None:
    """A mistyped name must not start a broker in development mode by itself."""
    for environment, named in (({}, file), ({"OPHAALBRUG_SETTINGS": str(file)}, None)):
        with pytest.raises(SettingsError, match="No such file"):
            load(environment, named)


def test_the_environment_wins_over_the_file(file: Path) -> None:
    """Values come as text there and are read as their type."""
    file.write_text('port = 9000\nbase_url = "http://127.0.0.1:9000"\nworker = true\n')
    environment = {"OPHAALBRUG_PORT": "9001", "OPHAALBRUG_WORKER": "false", "OPHAALBRUG_DATA_DIR": "elsewhere"}
    settings = load(environment, file)
    assert (settings.port, settings.base_url, settings.worker) == (9001, "http://127.0.0.1:9000", False)
    assert settings.data_dir == Path("elsewhere")


def test_the_environment_names_the_file(file: Path) -> None:
    """OPHAALBRUG_SETTINGS, which is no setting itself."""
    file.write_text("port = 9000\n")
    assert load({"OPHAALBRUG_SETTINGS": str(file)}).port == 9000


def test_uploads_stand_in_file_or_environment(file: Path) -> None:
    """Without the table none are taken; a mistyped name, and a file larger than may be kept, is refused."""
    assert load({}, _with(file, "port = 9000\n")).uploads is None
    uploads = load({}, _with(file, '[uploads]\nsources = ["uwv"]\nmax_bytes = 25000000\n')).uploads
    assert uploads is not None
    assert (uploads.sources, uploads.max_bytes) == (("uwv",), 25_000_000)
    told = load({"OPHAALBRUG_UPLOADS": '{"sources": ["uwv", "belastingdienst"]}'}, _with(file, "")).uploads
    assert told is not None
    assert told.sources == ("uwv", "belastingdienst")
    for wrong in ("source = []", "max_bytes = 25000001", "max_bytes = 0", "processes = 0"):
        with pytest.raises(SettingsError):
            load({}, _with(file, f"[uploads]\n{wrong}\n"))


def _with(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def test_tables_can_stand_in_file_or_environment(file: Path) -> None:
    """[login] and [connectors.<id>] as TOML, or as JSON in a variable."""
    file.write_text('[login]\nissuer = "https://login.example"\n[connectors.uwv]\nbase_url = "https://uwv.example"\n')
    settings = load({}, file)
    assert settings.login == {"issuer": "https://login.example"}
    assert settings.connectors == {"uwv": {"base_url": "https://uwv.example"}}
    other = load({"OPHAALBRUG_CONNECTORS": '{"rdw": {}}', "OPHAALBRUG_DELIVERY_SCHEDULE_SECONDS": "[1, 2]"}, file)
    assert other.connectors == {"rdw": {}}
    assert other.delivery_schedule_seconds == (1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("prot = 9000\n", {}),
        ("port = 'x'\n", {}),
        ("port = \n", {}),
        ("session_hours = 0\n", {}),
        ("session_hours = 2017\n", {}),
        ("partitions = -1\n", {}),
        ("partitions = 257\n", {}),
        ("mode = 'test'\n", {}),
        ("", {"OPHAALBRUG_PROT": "9000"}),
        ("", {"OPHAALBRUG_PORT": "many"}),
        ("", {"OPHAALBRUG_LOGIN": "{"}),
        ("", {"OPHAALBRUG_CONNECTORS": "[]"}),
    ],
)
def test_what_cannot_be_used_is_refused(file: Path, text: str, environment: dict[str, str]) -> None:
    """A typing error in a name or value never becomes a silent default."""
    file.write_text(text)
    with pytest.raises(SettingsError):
        load(environment, file)


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    """As settings that cannot be used, not as a crash."""
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError):
        load({}, file)


def test_a_refusal_does_not_repeat_a_secret(file: Path) -> None:
    """What stands in the environment may be secret."""
    with pytest.raises(SettingsError) as error:
        load({"OPHAALBRUG_LOGIN": '{"client_secret": "hunter2"', "OPHAALBRUG_SECRET": "hunter2"}, file)
    assert "hunter2" not in str(error.value)


def test_a_safe_production_starts() -> None:
    """With a keys file, whose secret another of 32 bytes may replace, behind https."""
    check(Settings(**SAFE))
    check(Settings(**SAFE | {"secret": ""}))
    check(Settings(**SAFE | {"login": {"issuer": "https://inlog.example"}}))


@pytest.mark.parametrize(
    ("unsafe", "reason"),
    [
        ({"base_url": "http://broker.example"}, "base_url"),
        ({"keys_file": ""}, "keys_file"),
        ({"keys_file": "", "secret": ""}, "keys_file"),
        ({"secret": "s" * 31}, "secret must"),
        ({"login": {"issuer": "http://inlog.example"}}, "issuer"),
        ({"contact_email": Settings().contact_email}, "contact_email must be your own"),
        ({"contact_url": Settings().contact_url}, "contact_url must be your own"),
        ({"contact_url": ""}, "contact_url must be your own"),
        ({"source_urn": Settings().source_urn}, "source_urn must be your own"),
        ({"sandbox": True}, "sandbox"),
        ({"clock_offset_file": "offset"}, "clock_offset_file"),
        ({"fault_point": "data > post"}, "fault_point"),
        ({"delivery_schedule_seconds": (1.0,)}, "delivery_schedule_seconds"),
    ],
    ids=str,
)
def test_production_refuses_what_is_unsafe(unsafe: dict[str, Any], reason: str) -> None:
    """Each by name; development may have them all."""
    with pytest.raises(SettingsError, match=reason):
        check(Settings(**SAFE | unsafe))
    check(Settings(**SAFE | unsafe | {"mode": "development"}))


def test_production_names_every_reason_at_once() -> None:
    """So that a start is not a guessing game."""
    with pytest.raises(SettingsError) as error:
        check(Settings(mode="production", sandbox=True, clock_offset_file="x"))
    assert str(error.value).count(";") == 6


@pytest.mark.parametrize("mode", ["development", "production"])
@pytest.mark.parametrize(
    "base_url",
    [
        "https://broker.example/",
        "https://broker.example/pad",
        "https://broker.example?",
        "https://broker.example?x=1",
        "https://broker.example#x",
        "https://u@broker.example",
        "https://broker..example",
        "https://",
        "broker.example",
        "",
    ],
)
def test_the_base_address_is_an_origin(base_url: str, mode: str) -> None:
    """Links are made by adding to it, so that nothing may stand behind host and port."""
    with pytest.raises(SettingsError, match="base_url must be scheme, host and port only"):
        check(Settings(**SAFE | {"base_url": base_url, "mode": mode}))


@pytest.mark.parametrize("base_url", ["https://broker.example", "https://broker.example:8443", "https://[2a00::1]:443"])
def test_an_origin_is_a_base_address(base_url: str) -> None:
    """By name or by number, with or without a port."""
    check(Settings(**SAFE | {"base_url": base_url}))


def test_a_store_has_at_most_256_partitions(file: Path) -> None:
    """Two hexadecimal digits name one, at the beginning of a session's id."""
    file.write_text("partitions = 256\n")
    assert load({}, file).partitions == 256
    assert new_session_id(255)[:2] == "ff"


def test_a_secret_is_measured_in_bytes() -> None:
    """16 letters of two bytes are 32 bytes."""
    check(Settings(**SAFE | {"secret": "é" * 16}))


def test_production_is_checked_when_settings_are_read(file: Path) -> None:
    """`load` hands out nothing unsafe."""
    with pytest.raises(SettingsError):
        load({"OPHAALBRUG_MODE": "production"}, file)


def test_every_setting_has_a_sentence() -> None:
    """They are printed by `ophaalbrug settings`; units stand in the names."""
    rows = documented()
    assert [name for name, _, _ in rows] == list(Settings.__struct_fields__)
    assert all(len(sentence) > 10 for _, _, sentence in rows)
    assert ("port", "8000", "port to listen on") in rows


def test_health_can_stand_in_file_or_environment(file: Path) -> None:
    """[health.<id>] with its windows as TOML, whose moments are no text, or as JSON; a half window is refused."""
    file.write_text(
        '[health.uwv]\nfailures = 1\nprobe_bsn = "999990019"\nexpect = "absent"\n'
        "[[health.uwv.maintenance]]\nfrom = 2027-03-06T20:00:00+01:00\nuntil = 2027-03-07T08:00:00+01:00\n"
        '[[health.uwv.maintenance]]\ndays = ["sunday"]\nstart = "22:00"\nend = "06:00"\n'
    )
    uwv = load({}, file).health["uwv"]
    assert (uwv.failures, uwv.probe_bsn, uwv.expect, len(uwv.maintenance)) == (1, "999990019", "absent", 2)
    window = '{"from": "2027-03-06T20:00:00+01:00", "until": "2027-03-07T07:00:00Z"}'
    other = load({"OPHAALBRUG_HEALTH": f'{{"uwv": {{"maintenance": [{window}]}}}}'}, file).health["uwv"]
    assert (other.probe_bsn, other.maintenance) == (None, uwv.maintenance[:1])
    file.write_text("[[health.uwv.maintenance]]\nfrom = 2027-03-06T20:00:00\nuntil = 2027-03-07T08:00:00\n")
    with pytest.raises(SettingsError, match="health"):
        load({}, file)
