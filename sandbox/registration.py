"""Who a provider is to the broker: its keys, and the file it registers with.

Pure. A provider's real file is written once, by hand; this one is made anew for every run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

import msgspec
from jwcrypto import jwk

EncryptionKey = Literal["P-256", "X25519", "RSA-3072"]


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A text for people, in both languages."""

    nl: str
    en: str


class ProfileEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `[[profile]]` of the provider file: what is asked, and why. `fields` are the broker's field names.

    `sealing` nlgov needs an RSA-3072 key; default needs one of the curves.
    """

    id: str
    purpose: Text
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    household: Literal["single", "couple", "ask"] = "ask"
    bsn_basis: str | None = None
    sealing: Literal["default", "nlgov"] = "default"
    documents: bool = False
    partial: bool = False


def new_key(kind: EncryptionKey, use: Literal["sig", "enc"]) -> jwk.JWK:
    """A private key with its RFC 7638 thumbprint as `kid`."""
    if kind == "RSA-3072":
        key = jwk.JWK.generate(kty="RSA", size=3072, use=use)
    else:
        key = jwk.JWK.generate(kty="EC" if kind == "P-256" else "OKP", crv=kind, use=use)
    key["kid"] = key.thumbprint()
    return key


def as_toml(facts: Mapping[str, Any]) -> str:
    """A provider's facts as the text of its file; `profile` becomes `[[profile]]` tables."""
    lines = [f"{name} = {_toml(value)}" for name, value in facts.items() if name != "profile"]
    for profile in facts["profile"]:
        lines += ["", "[[profile]]", *(f"{name} = {_toml(value)}" for name, value in profile.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return "{" + ", ".join(f"{name} = {_toml(member)}" for name, member in members.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in cast("Iterable[object]", value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML basic string too
