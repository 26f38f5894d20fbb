"""The failures a provider can ask for with `testCase`: what each is, and who plays it at whose login.

Owns the list and the cast. A login is played by `digid`; what goes wrong at a source is a fact of the persona who is
cast (`personas.trouble`). A case comes here as OpenID Connect's `login_hint`: `test-case:<case>:<role>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from sandbox.personas import Seat, by_user
from sandbox.personas.facts import Fact, Who

_HINT = "test-case"


class Case(Fact, frozen=True, kw_only=True):
    """One failure, in a sentence of each language. `household` is what the session must be for it to show.

    `cast` has the user names per role; with two of them, whoever logged in last in this browser makes way for the
    other. Whom nobody is cast for, logs in as they like. `login`: it works, nobody gets in, or a password is all there
    was to it.
    """

    id: str
    nl: str
    en: str
    household: Literal["single", "couple"] = "single"
    cast: Mapping[Who, tuple[str, ...]]
    login: Literal["works", "down", "weak"] = "works"


CASES = (
    Case(
        id="login-cancelled",
        nl="Wie inlogt, breekt het inloggen bij DigiD af.",
        en="Whoever logs in gives up at DigiD.",
        cast={"applicant": ("login-cancelled",)},
    ),
    Case(
        id="wrong-person",
        nl="Bij de tweede bron logt een ander in dan bij de eerste.",
        en="Somebody else logs in at the second source than at the first.",
        cast={"applicant": ("single", "pensioner")},
    ),
    Case(
        id="partner-mismatch",
        nl="Als partner logt een ander in dan de partner die geregistreerd staat.",
        en="Somebody else than the registered partner logs in as partner.",
        household="couple",
        cast={"applicant": ("partner-mismatch",), "partner": ("partner-mismatch-partner",)},
    ),
    Case(
        id="same-person",
        nl="Als partner logt de aanvrager zelf nog eens in.",
        en="The applicant logs in as partner too.",
        household="couple",
        cast={"applicant": ("married-couple",), "partner": ("married-couple",)},
    ),
    Case(
        id="unregistered-cohabitation",
        nl="Twee mensen wonen samen; de BRP kent geen partner.",
        en="Two people live together; the BRP knows no partner.",
        household="couple",
        cast={"applicant": ("cohabiting",), "partner": ("cohabiting-partner",)},
    ),
    Case(
        id="source-timeout",
        nl="De Belastingdienst neemt de vraag aan en antwoordt niet.",
        en="The tax office takes the question and never answers.",
        cast={"applicant": ("source-timeout",)},
    ),
    Case(
        id="source-down",
        nl="UWV ligt eruit.",
        en="UWV is out of order.",
        cast={"applicant": ("source-down",)},
    ),
    Case(
        id="half-data",
        nl="Van elk een deel: het Kadaster, een dienst van UWV en een pensioenuitvoerder antwoorden niet.",
        en="A part of each: the land register, one of UWV's services and a pension provider do not answer.",
        cast={"applicant": ("half-answers",)},
    ),
    Case(
        id="schema-drift",
        nl="De BRP, UWV en Mijnpensioenoverzicht antwoorden met velden die anders heten of weg zijn.",
        en="BRP, UWV and the pension register answer with fields renamed or gone.",
        cast={"applicant": ("schema-drift",)},
    ),
    Case(
        id="someone-elses-record",
        nl="UWV antwoordt met gegevens van iemand anders.",
        en="UWV answers with somebody else's record.",
        cast={"applicant": ("wrong-person",)},
    ),
    Case(
        id="digid-down",
        nl="DigiD ligt eruit: niemand kan inloggen.",
        en="DigiD is out of order: nobody can log in.",
        cast={},
        login="down",
    ),
    Case(
        id="absent",
        nl="Geen enkele bron kent wie inlogt.",
        en="No source knows who logs in.",
        cast={"applicant": ("absent",)},
    ),
    Case(
        id="level-too-low",
        nl="Wie inlogt, gebruikt alleen een wachtwoord: te weinig zekerheid.",
        en="Whoever logs in uses a password only: too little certainty.",
        cast={"applicant": ("single",)},
        login="weak",
    ),
)

_BY_ID = {case.id: case for case in CASES}


class Part(Fact, frozen=True, kw_only=True):
    """A case, and for which of the session's adults somebody logs in now."""

    case: Case
    role: Who

    def player(self, last: str) -> Seat | None:
        """Who is to log in, in a browser where the user `last` was seen (empty: nobody); None when nobody is cast."""
        cast = self.case.cast.get(self.role, ())
        if not cast:
            return None
        following = cast.index(last) + 1 if last in cast else 0
        return by_user(cast[following % len(cast)])


def hinted(hint: str) -> Part | None:
    """The part that a `login_hint` asks for; any other hint is none of ours."""
    try:
        prefix, name, role = hint.split(":")
        part = Part(case=_BY_ID[name], role=msgspec.convert(role, Who))
    except (ValueError, KeyError, msgspec.ValidationError):
        return None
    return part if prefix == _HINT else None
