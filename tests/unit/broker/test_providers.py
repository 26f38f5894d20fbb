"""Providers' files: what could not work later is refused at once, and which key a payload is sealed to."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from msgspec.structs import replace

from broker.providers import (
    FormerSecret,
    Provider,
    ProviderError,
    Webhook,
    can_seal,
    checked,
    completed,
    import_key,
    new_webhook_secret,
    read_file,
    sealing_jwk,
)
from sessions.model import Profile, Text


def public(**kind: Any) -> dict[str, Any]:
    return JWK.generate(**kind).export_public(as_dict=True)


@cache
def rsa(size: int = 3072) -> dict[str, Any]:
    """A key to seal to, when it is needed: these take long to make."""
    return public(kty="RSA", size=size, use="enc")


SIGNING = public(kty="EC", crv="P-256", use="sig")
P256, X25519 = public(kty="EC", crv="P-256", use="enc"), public(kty="OKP", crv="X25519", use="enc")
ZERO = {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "use": "enc"}
NAME = Text(nl="Gemeente", en="City")
PROFILE = Profile(id="bijstand", purpose=NAME, required=("uwv",), optional=("rdw",), fields=("person.name",))
PROVIDER = Provider(id="gemeente", name=NAME, keys=(SIGNING, P256), profile=(PROFILE,))

TOML = """
id = "gemeente"
name = {nl = "Gemeente", en = "City"}
jwks_uri = "https://gemeente.example/jwks"
webhook = {url = "https://gemeente.example/haak"}
[[profile]]
id = "bijstand"
purpose = {nl = "Bijstand", en = "Assistance"}
required = ["uwv"]
fields = ["income.employment"]
household = "couple"
"""


def test_a_file_becomes_a_provider(tmp_path: Path) -> None:
    """With its profiles, and a webhook whose secret the file may leave out."""
    path = tmp_path / "provider.toml"
    path.write_text(TOML)
    provider = read_file(path)
    assert provider.profile_named("bijstand") == provider.profile[0]
    assert provider.profile_named("other") is None
    assert (provider.profile[0].household, provider.profile[0].sealing) == ("couple", "default")
    assert provider.webhook == Webhook(url="https://gemeente.example/haak")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id = ",
        TOML.replace("id = ", "idd = ", 1),
        TOML.replace('"couple"', '"three"'),
        TOML + 'sealing = "none"',
        TOML.replace('required = ["uwv"]', 'required = "uwv"'),
        TOML.replace("income.employment", "income.everything"),
        "\udcff",
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str) -> None:
    """Syntax, names, values and bytes that are no text."""
    path = tmp_path / "provider.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ProviderError):
        read_file(path)
    with pytest.raises(ProviderError, match="missing"):
        read_file(tmp_path / "missing.toml")


def test_a_sound_provider_is_accepted_as_it_is() -> None:
    """Nothing is changed."""
    assert checked(PROVIDER) == PROVIDER
    secret = new_webhook_secret()
    hook = replace(PROVIDER, webhook=Webhook(url="https://x.example/", secret=secret))
    assert checked(hook) == hook


URL, SECRET, FORMER = "https://x.example/", new_webhook_secret(), FormerSecret(secret="whsec_former", until=2.0)
WAS = Webhook(url=URL, secret=SECRET, types=("delivered",), made_at=1.0, former=(FORMER,))


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        (None, WAS),
        (Webhook(url=URL), WAS),
        (Webhook(url=URL, secret=SECRET), WAS),
        (Webhook(url="https://y.example/"), replace(WAS, url="https://y.example/")),
        (Webhook(url=URL, types=("expired",)), replace(WAS, types=("expired",))),
        (Webhook(url=URL, secret="whsec_new"), Webhook(url=URL, secret="whsec_new", types=WAS.types)),
    ],
)
def test_what_a_file_does_not_name_of_a_webhook_stays(named: Webhook | None, kept: Webhook) -> None:
    """What it names wins: address, notices, secret. With another secret the former ones end."""
    before, provider = replace(PROVIDER, webhook=WAS, contact="info@x.example"), replace(PROVIDER, webhook=named)
    assert completed(provider, before) == replace(PROVIDER, webhook=kept)


@pytest.mark.parametrize("before", [None, PROVIDER])
def test_a_secret_that_nobody_named_is_made(before: Provider | None) -> None:
    """A Standard Webhooks secret of 32 bytes; where there is no webhook none is made."""
    made = completed(replace(PROVIDER, webhook=Webhook(url=URL)), before).webhook
    assert made is not None
    assert len(base64.b64decode(made.secret.removeprefix("whsec_"))) == 32
    assert made == Webhook(url=URL, secret=made.secret)
    assert completed(PROVIDER, before) == PROVIDER


@pytest.mark.parametrize("wrong", [{"webhook": Webhook(url="http://x.example/")}, {"jwks_uri": "http://x.example/"}])
def test_only_https_in_production(wrong: dict[str, Any]) -> None:
    """Elsewhere http is let through for this machine, and the guarded door refuses it for any other."""
    provider = replace(PROVIDER, **wrong)
    checked(provider)
    with pytest.raises(ProviderError, match="must be https"):
        checked(provider, https_only=True)
    checked(replace(PROVIDER, webhook=Webhook(url="https://x.example/")), https_only=True)


@pytest.mark.parametrize("key", [P256, X25519], ids=["P-256", "X25519"])
@pytest.mark.parametrize("said", [{"key_ops": [], "ext": True}, {"key_ops": ["deriveBits"]}, {"key_ops": "x"}], ids=str)
def test_a_public_key_as_webcrypto_exports_it(key: dict[str, Any], said: dict[str, Any]) -> None:
    """`key_ops` is about the private half there: `use` says what a key is for, and it seals."""
    provider = checked(replace(PROVIDER, keys=(SIGNING, {**key, **said})))
    jwk = sealing_jwk(provider.keys, "default")
    assert jwk is not None
    assert can_seal(jwk, "default")
    assert not {"key_ops", "ext"} & set(import_key(jwk).as_dict(private=False))


def test_an_rsa_key_for_wrapping_seals() -> None:
    """Encrypting a content key is what WebCrypto calls wrapKey."""
    jwk = {**rsa(), "key_ops": ["wrapKey"], "ext": True}
    nlgov = replace(PROFILE, sealing="nlgov")
    assert checked(replace(PROVIDER, keys=(SIGNING, jwk), profile=(nlgov,))).keys == (SIGNING, jwk)
    assert can_seal(jwk, "nlgov")


def test_whether_a_key_seals_is_tried() -> None:
    """A point of low order has the form of a key, and gives no shared secret (RFC 7748, 6.1)."""
    assert import_key(ZERO).kid
    assert not can_seal(ZERO, "default")
    assert not can_seal({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "use": "enc"}, "default")
    assert not can_seal(P256, "nlgov")


PRIVATE = JWK.generate(kty="EC", crv="P-256", use="enc").export(as_dict=True)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"id": "Gemeente"}, "id must"),
        ({"id": "g"}, "id must"),
        ({"id": "gemeente\n"}, "id must"),
        ({"profile": ()}, "profile"),
        ({"profile": (PROFILE, PROFILE)}, "ids must differ"),
        ({"profile": (replace(PROFILE, required=()),)}, "required source"),
        ({"profile": (replace(PROFILE, optional=("uwv",)),)}, "twice"),
        ({"profile": (replace(PROFILE, fields=("person.shoe-size",)),)}, "unknown field"),
        ({"keys": ()}, "keys or jwks_uri"),
        ({"keys": (SIGNING, PRIVATE)}, "public keys only"),
        ({"keys": (SIGNING, P256, {"kty": "oct", "k": "AAAA"})}, "public keys only"),
        ({"keys": (P256, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})}, "not a usable JWK"),
        ({"keys": (P256, {})}, "not a usable JWK"),
        ({"keys": (SIGNING,)}, "no key to seal to"),
        ({"profile": (replace(PROFILE, sealing="nlgov"),)}, "no key to seal to"),
        ({"keys": (SIGNING, P256, ZERO)}, "cannot be sealed to"),
        ({"keys": (SIGNING, ZERO)}, "cannot be sealed to"),
        ({"webhook": Webhook(url="ftp://x.example")}, "https"),
        ({"webhook": Webhook(url="x.example")}, "https"),
        ({"webhook": Webhook(url="https://")}, "with a host"),
        ({"webhook": Webhook(url="https:///pad")}, "with a host"),
        ({"webhook": Webhook(url="https://geheim@x.example")}, "webhook's url"),
        ({"webhook": Webhook(url="https://x..example")}, "webhook's url"),
        ({"webhook": Webhook(url=f"https://{'x' * 64}.example")}, "webhook's url"),
        ({"jwks_uri": "https://"}, "jwks_uri"),
        ({"jwks_uri": "sleutels"}, "jwks_uri"),
        ({"jwks_uri": "https://x..example/jwks"}, "jwks_uri"),
        ({"webhook": Webhook(url="https://x.example", secret="geheim")}, "whsec_"),
        ({"webhook": Webhook(url="https://x.example", secret="whsec_geheim!")}, "whsec_"),
        ({"webhook": Webhook(url="https://x.example", secret="whsec_" + "A" * 28)}, "whsec_"),
        ({"webhook": Webhook(url="https://x.example", secret="whsec_" + "A" * 92)}, "whsec_"),
    ],
)
def test_what_could_not_work_later_is_refused_now(wrong: dict[str, Any], reason: str) -> None:
    """With the reason, and without repeating a secret."""
    with pytest.raises(ProviderError, match=reason) as error:
        checked(replace(PROVIDER, **wrong))
    assert "geheim" not in str(error.value)


def test_all_reasons_come_at_once() -> None:
    """So that a file is mended in one go."""
    with pytest.raises(ProviderError) as error:
        checked(replace(PROVIDER, id="X", profile=(), keys=()))
    assert str(error.value).count(";") == 2


def test_the_key_to_seal_to() -> None:
    """`use: enc` and of the profile's kind: P-256 or X25519, for nlgov RSA of 3072 bits at least."""
    keys = (SIGNING, rsa(2048), X25519, P256, rsa())
    assert sealing_jwk(keys, "default") == X25519
    assert sealing_jwk(keys, "nlgov") == rsa()
    assert sealing_jwk((SIGNING, rsa(2048)), "default") is None
    assert sealing_jwk((SIGNING, rsa(2048), P256), "nlgov") is None
    assert sealing_jwk(({"kty": "RSA", "use": "enc", "n": "%"}, {"use": "enc"}), "nlgov") is None


def test_a_key_is_used_for_its_own_algorithm_only() -> None:
    """A key registered for another `alg` is none of ours, also when it would fit."""
    assert sealing_jwk(({**P256, "alg": "ECDH-ES+A256KW"},), "default") is None
    assert sealing_jwk(({**rsa(), "alg": "RSA-OAEP-256"},), "nlgov") is None
    assert sealing_jwk(({**P256, "alg": "ECDH-ES"},), "default") is not None
    assert sealing_jwk(({**rsa(), "alg": "RSA-OAEP"},), "nlgov") is not None


def test_a_key_without_a_name_is_called_by_its_thumbprint() -> None:
    """RFC 7638; a name the provider gave is kept."""
    assert import_key(P256).kid == JWK(**P256).thumbprint()
    assert import_key({**P256, "kid": "zomer"}).kid == "zomer"


def test_webhook_secrets_are_random() -> None:
    """32 bytes, as Standard Webhooks writes them."""
    assert len({new_webhook_secret() for _ in range(100)}) == 100


@pytest.mark.parametrize("contact", [None, "privacy@voorbeeld.example", "https://www.voorbeeld.example/privacy"])
def test_where_citizens_can_ask_is_a_mail_or_web_address(contact: str | None) -> None:
    """It stands in every consent, so what could not be used is refused."""
    assert checked(replace(PROVIDER, contact=contact)).contact == contact
    for wrong in ("", "privacy", "http://www.voorbeeld.example", "javascript:alert(1)", "a b@voorbeeld.example"):
        with pytest.raises(ProviderError, match="contact must be"):
            checked(replace(PROVIDER, contact=wrong))
