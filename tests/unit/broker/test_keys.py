"""The broker's keys: made once, for the owner only, whole or not at all; published by their public halves."""

from __future__ import annotations

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwcrypto.jws
import msgspec
import pytest
from jwcrypto.jwk import JWK

from broker.keys import KeyFile, Keys, load, make, read, renewed
from broker.settings import Settings, SettingsError

FILE = make(b"s" * 32)


def written(path: Path, **more: Any) -> Settings:
    """Settings that name a keys file with these members otherwise."""
    path.write_bytes(msgspec.json.encode({**msgspec.to_builtins(FILE), **more}))
    return Settings(keys_file=str(path))


def test_development_makes_its_keys_at_the_first_start(tmp_path: Path) -> None:
    """In a folder and a file that only the owner can read; the next start finds the same ones."""
    settings = Settings(data_dir=tmp_path / "var")
    first = load(settings)
    file = tmp_path / "var" / "keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]
    again = load(settings)
    assert again.jwks() == first.jwks()
    assert again.ring.fingerprint() == first.ring.fingerprint()


def test_processes_that_start_together_agree_on_their_keys(tmp_path: Path) -> None:
    """Whoever is first wins, and nobody sees half a file."""
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(4) as pool:
        prints = {keys.ring.fingerprint() for keys in pool.map(load, [settings] * 4)}
    assert len(prints) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_the_secret_of_the_settings_is_the_one_that_counts(tmp_path: Path) -> None:
    """The file may hold the signing keys alone; the same secret gives the same derived keys."""
    settings = written(tmp_path / "keys.json", secret="")
    with_secret = load(msgspec.structs.replace(settings, secret="s" * 32))
    assert with_secret.ring.fingerprint() == Keys(FILE).ring.fingerprint()


def test_production_does_not_make_the_file_it_was_told_of(tmp_path: Path) -> None:
    """A wrong path must not lead to fresh keys, with which nothing stored could be opened."""
    with pytest.raises(SettingsError, match="does not exist"):
        load(Settings(mode="production", keys_file=str(tmp_path / "keys.json")))
    assert list(tmp_path.iterdir()) == []


def test_production_makes_no_keys_beside_a_secret(tmp_path: Path) -> None:
    """Two machines with the same secret would sign with different keys, and providers know one of them."""
    with pytest.raises(SettingsError, match="does not exist"):
        load(Settings(mode="production", secret="s" * 32, data_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": base64.b64encode(b"s" * 31).decode()},
        {"secret": "not base64!"},
        {"secret": 5},
        {"es256": {"kty": "EC"}},
        {"ps256": {}},
        {"ed25519": "AAAA"},
        {"ed25519": None},
        {"more": "x"},
    ],
    ids=str,
)
def test_keys_that_cannot_be_used_are_refused_without_a_word_of_them(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """The file is named; nothing that stands in it is."""
    with pytest.raises(SettingsError, match="cannot be used") as error:
        load(written(tmp_path / "keys.json", **wrong))
    assert "not base64" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_short_secret_is_refused_in_development_too(tmp_path: Path) -> None:
    """As a setting that cannot be used, not as a crash."""
    with pytest.raises(SettingsError, match="secret"):
        load(msgspec.structs.replace(written(tmp_path / "keys.json"), secret="short"))


def test_junk_is_no_keys_file(tmp_path: Path) -> None:
    """Neither is a folder."""
    (tmp_path / "keys.json").write_bytes(b"\x00")
    for path in (tmp_path / "keys.json", tmp_path):
        with pytest.raises(SettingsError, match="cannot be used"):
            load(Settings(keys_file=str(path)))


def test_only_public_halves_are_published() -> None:
    """Three signing keys, each with algorithm, use and its RFC 7638 thumbprint as `kid`."""
    keys = Keys(FILE).jwks()["keys"]
    assert [(k["kty"], k["alg"], k["use"]) for k in keys] == [
        ("EC", "ES256", "sig"),
        ("RSA", "PS256", "sig"),
        ("OKP", "Ed25519", "sig"),
    ]
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
        assert key["kid"] == JWK(**key).thumbprint()


def test_what_former_keys_signed_can_be_checked_after_a_change() -> None:
    """Payloads on their way, receipts kept for years: every key of before stays published, by its public half.

    New ones sign, the secret is the same, and of webhook keys the last one stays: that is an overlap, no archive.
    """
    once = renewed(FILE)
    first, second, third = Keys(FILE), Keys(once), Keys(read(msgspec.json.encode(renewed(once))))
    published = {key["kid"]: key for key in third.jwks()["keys"]}
    for keys in (first, second, third):
        signature = keys.sign(b"{}", "x")
        token = jwcrypto.jws.JWS()
        token.deserialize(signature)
        token.verify(JWK(**published[token.jose_header["kid"]]))
        assert keys.ps256.kid in published
        assert keys.ring.fingerprint() == first.ring.fingerprint()
    assert len({keys.es256.kid for keys in (first, second, third)}) == 3
    webhooks = [key["x"] for key in third.jwks()["keys"] if key["kty"] == "OKP"]
    assert webhooks == [keys.jwks()["keys"][2]["x"] for keys in (third, second)]
    assert not any({"d", "p", "q", "dp", "dq", "qi"} & set(key) for key in published.values())


@pytest.mark.parametrize("wrong", [b"", b"{}", b'{"secret": "c2VjcmV0"}', b"\xff"])
def test_what_is_no_keys_file_is_not_renewed(wrong: bytes) -> None:
    """And nothing of it is repeated."""
    with pytest.raises(SettingsError, match=r"^this is no keys file$"):
        read(wrong)


def test_the_keys_are_as_strong_as_is_asked() -> None:
    """RSA of 3072 bits or more and P-256: 128 bits of strength (ASVS V11.2.3)."""
    _, rsa, _ = Keys(FILE).jwks()["keys"]
    assert len(base64.urlsafe_b64decode(rsa["n"] + "==")) * 8 >= 3072


def test_a_receipt_is_signed_with_kid_and_kind() -> None:
    """Another library verifies it with the published key; the `typ` keeps kinds of documents apart."""
    keys = Keys(FILE)
    token = jwcrypto.jws.JWS()
    token.deserialize(keys.sign(b'{"a":1}', "ophaalbrug-purge-receipt+jws"))
    public = next(k for k in keys.jwks()["keys"] if k["kid"] == token.jose_header["kid"])
    token.verify(JWK(**public), "ES256")
    assert token.jose_header["typ"] == "ophaalbrug-purge-receipt+jws"
    assert json.loads(token.payload) == {"a": 1}


def test_every_broker_makes_other_keys() -> None:
    """Nothing is shared but what the settings give."""
    one, other = make(b"s" * 32), make(b"s" * 32)
    assert one.secret == other.secret
    assert (one.es256["d"], one.ps256["d"], one.ed25519) != (other.es256["d"], other.ps256["d"], other.ed25519)
    assert isinstance(one, KeyFile)
    assert len(base64.b64decode(make().secret)) == 32
