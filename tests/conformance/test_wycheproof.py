"""Project Wycheproof's vectors for JOSE, held against what opens and verifies here: what is broken is never believed.

Every vector of every file is used, none is left out: a valid one is either accepted, or refused because the product
does not name its algorithm. How many of each is part of the tests.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, RSAKey

from broker.oauth import _Header, _signed_with  # pyright: ignore[reportPrivateUsage]
from connectors import login_tokens

VECTORS = Path(__file__).resolve().parents[2] / ".." / "shared" / "validators" / "wycheproof"
CONTENT = ("A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM")
# An encryption key that says so in `key_ops` alone. WebCrypto writes there what the private half may do, so the broker
# does not heed it (broker/providers.py, import_key): for a provider's key it is `use` that counts.
NO_USE = 356

Vector = dict[str, Any]
Verifier = Callable[[str, Vector], bool]


@cache
def groups(name: str) -> list[dict[str, Any]]:
    """The groups of a file of vectors: a key, and what it was or was not used for. Skips where absent."""
    file = VECTORS / f"{name}.json"
    if not file.exists():
        pytest.skip(f"needs Wycheproof's vectors beside the project (shared/validators/wycheproof/{name}.json)")
    return json.loads(file.read_text(encoding="utf-8"))["testGroups"]


def encrypted() -> Iterator[tuple[Key, Vector]]:
    """Every JWE with the private key of its group."""
    for group in groups("json_web_encryption_test"):
        key = JWKRegistry.import_key(group["private"])
        for vector in group["tests"]:
            yield key, vector


def signed() -> Iterator[tuple[Vector, Vector]]:
    """Every JWS with the key to verify it."""
    for group in groups("json_web_signature_test"):
        for vector in group["tests"]:
            yield group.get("public") or group["private"], vector


def text(token: Any) -> str:
    """A token as it would arrive: some are in JSON serialisation, which is no compact one."""
    return token if isinstance(token, str) else json.dumps(token)


def header(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def opened_at_login(token: str, key: RSAKey) -> bytes | None:
    try:
        return login_tokens.opened(token.encode(), key)
    except ValueError:
        return None


def opened_with_names(token: str, key: Key, names: tuple[str, ...]) -> bytes | None:
    try:
        return jwe.decrypt_compact(token, key, algorithms=names).plaintext
    except (JoseError, ValueError, TypeError):
        return None


def outcome(vector: Vector, plain: bytes | None, names: tuple[str, ...]) -> str:
    """What came of a vector: opened, broken, or what of it is not among the names.

    Fails when something broken was opened, something whole became something else, or something named stayed closed.
    """
    if plain is not None:
        assert (vector["result"], plain.hex()) == ("valid", vector["pt"]), vector["tcId"]
        return "opened"
    if vector["result"] == "invalid":
        return "broken"
    said = header(vector["jwe"])
    return next(said[part] for part in ("alg", "enc", "zip") if part in said and said[part] not in names)


def test_the_login_opens_no_token_that_is_broken() -> None:
    """RSA, as an identity provider encrypts to us: what is named opens; RSA1_5 never, and nothing broken."""
    counted: Counter[str] = Counter()
    for key, vector in encrypted():
        if isinstance(key, RSAKey):
            plain = opened_at_login(text(vector["jwe"]), key)
            counted[outcome(vector, plain, login_tokens.ENCRYPTIONS)] += 1
    assert counted == {"opened": 10, "broken": 22, "RSA1_5": 8, "A192GCM": 2, "A192CBC-HS384": 2}


def test_with_its_algorithms_named_the_library_opens_nothing_broken() -> None:
    """Every kind of key, each for its own algorithm; not RSA1_5, `dir` (not the algorithm of its key) or compression.

    Without names it takes a key for another purpose than its own: that is why the product always names them.
    """
    counted: Counter[str] = Counter()
    for key, vector in encrypted():
        names = tuple(name for name in (str(key["alg"]), *CONTENT) if name != "RSA1_5")
        plain = opened_with_names(text(vector["jwe"]), key, names)
        counted[outcome(vector, plain, names)] += 1
    assert counted == {"opened": 55, "broken": 74, "RSA1_5": 8, "dir": 1, "DEF": 1}


def holds_at_login(token: str, jwk: Vector) -> bool:
    """Whether the login believes a signature; what it says afterwards of the claims is no matter here."""
    keys = login_tokens.public_keys(json.dumps({"keys": [jwk]}).encode())
    try:
        taken = login_tokens.taken_apart(token.encode())
        key = login_tokens.chosen(keys, taken.kid)
        if key is None:
            return False
        login_tokens.verified(taken, key, issuer="", client_id="", now=datetime.now(UTC))
    except ValueError as error:
        return not str(error).startswith(("not a JWS", "the signature"))
    return True


def holds_in_an_assertion(token: str, jwk: Vector) -> bool:
    """Whether a provider's key made this client assertion, as the token endpoint finds out."""
    try:
        said = msgspec.convert(header(token), _Header)
    except ValueError:
        return False
    return token.count(".") == 2 and _signed_with(token, said, jwk)


@pytest.mark.parametrize(
    ("holds", "names", "accepted"),
    [
        pytest.param(holds_at_login, ("RS256", "PS256", "ES256"), 16, id="login"),
        pytest.param(holds_in_an_assertion, ("PS256", "ES256"), 9, id="client-assertion"),
    ],
)
def test_no_signature_is_believed_that_is_broken(holds: Verifier, names: tuple[str, ...], accepted: int) -> None:
    """Changed, cut, padded, made with another algorithm or with none: all refused, and all that is whole accepted."""
    counted: Counter[str] = Counter()
    for jwk, vector in signed():
        token = text(vector["jws"])
        is_whole = vector["result"] == "valid" or (vector["tcId"] == NO_USE and holds is holds_in_an_assertion)
        is_wanted = is_whole and header(token)["alg"] in names
        assert holds(token, jwk) == is_wanted, vector["tcId"]
        counted["accepted" if is_wanted else vector["result"]] += 1
    assert counted["accepted"] == accepted
    assert counted.total() == 401
