"""`[login]`: which settings go together, and what a file may say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.login import LoginSettings

NAMED = {
    "issuer": "https://bridge.example/auth/open",
    "client_id": "ophaalbrug",
    "redirect_uri": "https://broker.example/phone/terug",
    "key_file": "/keys/login.pem",
}
BY_SECRET = {"client_authentication": "client_secret_basic", "client_secret_file": "/keys/secret"}


def read(**changed: Any) -> LoginSettings:
    """The settings as they come out of a file; None leaves one out."""
    whole = {name: value for name, value in {**NAMED, **changed}.items() if value is not None}
    return msgspec.convert(whole, LoginSettings)


def test_the_least_there_must_be() -> None:
    """Issuer, client, way back and key: all else has a default, and those of nl-rdo-max."""
    settings = read()
    assert settings.hosts() == {"bridge.example:443"}
    assert (settings.client_authentication, settings.userinfo) == ("private_key_jwt", "encrypted")


def test_a_commercial_bridge() -> None:
    """Everything that differs there can be said in one file: secret, JSON, claims inside claims, hosts, hints."""
    settings = read(
        **BY_SECRET,
        key_file=None,
        userinfo="plain",
        extra_hosts=["Keys.bridge.example:443", "[::1]:8443"],
        scopes=["openid", "nin", "acting-nin"],
        bsn_claim=["nin", "value"],
        acting_claims=["acting_nin", ["act", "sub"]],
        extra_parameters={"idp_hint": "digid"},
        acr_values={"low": "idp:digid", "substantial": "idp:digid", "high": "idp:digid"},
        ignored_levels=["idp:digid"],
        assumed_level="substantial",
    )
    assert settings.hosts() == {"bridge.example:443", "keys.bridge.example:443", "[::1]:8443"}
    assert (settings.bsn_claim, settings.acting_claims) == (("nin", "value"), ("acting_nin", ("act", "sub")))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"issuer": "bridge.example"}, "URL"),
        ({"issuer": "https://user:word@bridge.example"}, "URL"),
        ({"key_file": None}, "key_file"),
        ({"key_file": None, "decryption_key_file": "/keys/enc.pem"}, "key_file"),
        ({"client_authentication": "client_secret_post"}, "client_secret_file"),
        ({**BY_SECRET, "key_file": None}, "decryption_key_file"),
        ({**BY_SECRET, "issuer": "http://bridge.example"}, "client_authentication"),
        ({"userinfo": "plain", "issuer": "http://bridge.example"}, "userinfo"),
        ({"userinfo": "plain", "issuer": "http://192.0.2.1"}, "userinfo"),
        ({"userinfo": "plain", "issuer": "http://localhost.example"}, "userinfo"),
        ({"userinfo": "open"}, "userinfo"),
        ({"extra_hosts": ["bridge.example"]}, "extra_hosts"),
        ({"extra_hosts": ["https://bridge.example:443"]}, "extra_hosts"),
        ({"extra_hosts": ["bridge.example:443/keys"]}, "extra_hosts"),
        ({"extra_hosts": [""]}, "extra_hosts"),
        ({"scopes": ["profile"]}, "scopes"),
        ({"acr_values": {"low": "low"}}, "acr_values"),
        ({"client_secret": "geheim"}, "client_secret"),
    ],
)
def test_what_does_not_go_together(changed: dict[str, Any], named: str) -> None:
    """A contradiction stops the start, and the error names the setting."""
    with pytest.raises(msgspec.ValidationError, match=named):
        read(**changed)


@pytest.mark.parametrize(
    "name",
    [
        *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "acr_values"),
        *("code_challenge", "code_challenge_method", "request", "request_uri", "response_mode"),
    ],
)
def test_our_parameters_stay_ours(name: str) -> None:
    """What protects a login cannot be set away, nor be put in another request that the bridge would read instead."""
    with pytest.raises(msgspec.ValidationError, match="extra_parameters"):
        read(extra_parameters={name: "x"})


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"])
def test_a_bridge_on_this_machine_needs_no_tls(issuer: str) -> None:
    """Nobody can read along on loopback: there a secret and open userinfo are taken without TLS."""
    assert read(**BY_SECRET, issuer=issuer, userinfo="plain").issuer == issuer


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://bridge.example/token", True),
        ("https://BRIDGE.example:443/token", True),
        ("https://keys.bridge.example:8443/jwks", True),
        ("http://keys.bridge.example:8443/jwks", False),
        ("http://bridge.example:443/token", False),
        ("https://bridge.example:8443/token", False),
        ("https://bridge.example@other.example/token", False),
        ("https://other.example/bridge.example:443", False),
        ("", False),
    ],
)
def test_where_endpoints_may_be(url: str, allowed: bool) -> None:
    """On the issuer's host or one that is named, to the port, and never less protected than the issuer."""
    assert read(extra_hosts=["keys.bridge.example:8443"]).allows(url) is allowed


def test_a_bridge_without_tls_has_endpoints_without() -> None:
    """Where the issuer is on http, as on this machine, its endpoints may be, and may be better."""
    settings = read(issuer="http://127.0.0.1:9000", extra_hosts=["127.0.0.1:9443"])
    assert settings.allows("http://127.0.0.1:9000/token")
    assert settings.allows("https://127.0.0.1:9443/token")


def test_the_examples_of_the_guide_are_settings() -> None:
    """Each example of a bridge in the operator guide is a whole and sound `[login]`."""
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "operator.md").read_text("utf-8")
    examples = re.findall(r"^```toml login-\S+\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    read_ = [msgspec.toml.decode(example, type=dict[str, LoginSettings]) for example in examples]
    assert [settings["login"].userinfo for settings in read_] == ["plain", "signed"]


def test_an_error_repeats_no_value() -> None:
    """What is in a setting may be secret: an error names the setting only."""
    with pytest.raises(msgspec.ValidationError) as caught:
        read(extra_parameters={"state": "kwetsbaar"}, client_secret_file="/kwetsbaar")
    assert "kwetsbaar" not in str(caught.value)
