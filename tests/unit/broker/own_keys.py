"""A broker's keys, made when the first test needs them: making and checking RSA keys takes long, also for who skips."""

from __future__ import annotations

from functools import cache

from broker.keys import Keys, make


@cache
def own_keys() -> Keys:
    """The same ones for every test of the process."""
    return Keys(make(b"s" * 32))
