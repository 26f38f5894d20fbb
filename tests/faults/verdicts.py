"""What must hold after any fault, and how an outcome is called in the table."""

from __future__ import annotations

from tests.faults.scene import Verdict


def outcome_of(verdict: Verdict) -> str:
    """The outcome in a few words."""
    match verdict.told:
        case "delivered":
            return "delivered once" if verdict.arrived == 1 else f"delivered {verdict.arrived} times"
        case "undelivered":
            return "told: not confirmed" + (", though it arrived" if verdict.arrived else "")
        case "unknown-session":
            return "the store lost it; told: unknown" + (", though it arrived" if verdict.arrived else "")
        case told:
            return f"told: {told}"


def worked(verdict: Verdict) -> None:
    """Nothing lost in silence, nothing doubled, nothing left.

    Delivered: the provider took in one payload, always offered with the same bytes, has a genuine purge receipt, and
    the citizen reads the same. Not delivered: provider and citizen read the same of that.
    """
    assert verdict.residue == 0, verdict
    assert verdict.left == (), verdict
    assert verdict.waiting == 0, verdict
    assert verdict.identical, verdict
    assert verdict.arrived <= 1, verdict
    if verdict.told == "unknown-session":
        assert verdict.read == "unknown", verdict
        return
    assert verdict.read == verdict.told, verdict
    assert verdict.receipt, verdict
    assert verdict.ledger.startswith("whole"), verdict
    if verdict.told == "delivered":
        assert verdict.arrived == 1, verdict
        assert verdict.ledger == "whole 1", verdict
    else:
        assert verdict.told in ("undelivered", "cancelled", "expired", "withdrawn"), verdict
