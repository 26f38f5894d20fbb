"""What can go wrong for a provider: what happened, and what to do about it.

No exception holds a payload, a token, a key, or anything else that came in: only which check or call failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

# By the broker's code (docs/guides/provider.md, "Errors"); what is not here is explained by its own sentence.
ADVICE = {
    "invalid-request": "mend what `errors` names",
    "unsupported-grant-type": "update this package",
    "unknown-profile": "take the id of one of `profiles()`",
    "invalid-client": "check your clock, the broker's address, your provider id, and whether this key is registered",
    "unauthorized": "a new token was refused too: ask the operator whether you are still registered",
    "not-found": "check the address",
    "unknown-session": "it is not yours, or it ended over 30 days ago",
    "unknown-delivery": "take the `id` from `deliveries()`; what is over leaves them after a while",
    "no-webhook": "set one with `set_webhook`, or pull",
    "method-not-allowed": "update this package",
    "idempotency-mismatch": "take another Idempotency-Key for another request",
    "payload-mismatch": "acknowledge the digest of the payload you opened",
    "recipient-key": "have a key with `use: enc` registered that fits the profile's sealing",
    "wrong-state": "read the session; there is no payload before `consented`",
    "delivery-under-way": "see how it goes first",
    "webhook-disabled": "mend your endpoint; a `test_webhook` that succeeds switches it on again",
    "webhook-unproven": "have your endpoint answer OPTIONS with 204 and the headers that `allowing` gives",
    "delivery-over": "read the session",
    "session-ended": "everything is purged; see its receipts",
    "too-large": "send less: bodies are at most 64 KiB",
    "unsupported-media-type": "update this package",
    "too-many-requests": "wait a while",
    "internal": "try again; tell the operator when it happened",
    "busy": "try again, with the same Idempotency-Key",
    "store-unavailable": "try again after `retry_after` seconds",
}


class ToolkitError(Exception):
    """Base of everything this package raises about a broker or what came from it. `advice` says what to do."""

    advice: ClassVar[str] = ""

    def __init__(self, happened: str, advice: str = "") -> None:
        self.happened = happened
        self.what_to_do = advice or self.advice
        super().__init__(f"{happened} ({self.what_to_do})" if self.what_to_do else happened)

    def __reduce__(self) -> tuple[object, ...]:
        """Survives being handed from a worker's process to another, as job queues do."""
        return _restored, (type(self), self.args, vars(self))


class ApiError(ToolkitError):
    """The broker said no: the HTTP status, its stable `code`, and a sentence for people.

    `errors` names each invalid field of a 400; `retry_after` is in seconds, when the broker said so. An answer that is
    no problem document (RFC 9457), such as one of a proxy, has an empty code.
    """

    def __init__(
        self, status: int, code: str, detail: str, errors: tuple[str, ...] = (), retry_after: float | None = None
    ) -> None:
        named = f" [{'; '.join(errors)}]" if errors else ""
        super().__init__(f"{status} {code or 'no-problem-document'}: {detail}{named}", ADVICE.get(code, ""))
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.retry_after = retry_after


class Unreachable(ToolkitError):
    """No whole answer came: no connection, no TLS, no time, or more bytes than are read."""

    advice = "try again; when you were opening a session, with the same Idempotency-Key"


class Untrusted(ToolkitError):
    """Something that arrived is not what it should be. The text says which check failed."""

    advice = "do not use it; when it keeps coming, ask the operator"


class NoKey(ToolkitError):
    """Something genuine is sealed to a key that is not among ours."""

    advice = "give the old private key too: sessions keep the key that was registered when they were opened"


class Unreadable(ToolkitError):
    """The broker's own answer is not what its API describes."""

    advice = "check that the address is a broker's, and whether this package is as new as the broker"


def _restored(kind: type[ToolkitError], args: tuple[object, ...], facts: Mapping[str, object]) -> ToolkitError:
    error = kind.__new__(kind, *args)
    vars(error).update(facts)
    return error
