"""The phone app: its one document, and the screens it shows, made for who asks and where the session stands.

Asking for a screen that does not fit gives the one that does. What acts is the phone API's (`broker.http.phone`); what
fits and what can be done is `broker.screens`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from broker import screens
from broker.caller import Caller
from broker.clock import iso
from broker.consent import Consents, Review
from broker.dpop import nonce
from broker.http.html import html, shown_provider
from broker.http.phone_caller import anew, caller_of
from broker.http.requests import AnyRequest, parts_of, preferred_language
from broker.parts import Parts
from broker.review import Counts
from broker.screens import Collecting, Offers
from broker.texts import Language
from broker.views import in_language, outcome
from broker.web import formats
from broker.web.render import text, texts
from broker.web.review_page import asked, review_page, shown_of
from sessions.consenting import is_partial, one_person_allowed
from sessions.errors import Refused
from sessions.lifecycle import PAIRING_CODE_SECONDS, attempt_end
from sessions.model import ROLES, PendingPhone, Role, Session, State

Facts = dict[str, object]
_OVER = ("collected", "partial", "doubted", "absent", "skipped")
# What a file picker offers first; what a file is, is found out from its content. Plug-ins may take all three.
_ACCEPT = {
    **dict.fromkeys(("mijnoverheid", "uwv", "belastingdienst"), ".pdf,application/pdf"),
    "mijnpensioenoverzicht": ".json,.xml,application/json,application/xml,text/xml",
    "other": ".pdf,.json,.xml,application/pdf,application/json,application/xml,text/xml",
}


@get(["/phone", "/phone/terug"], include_in_schema=False)
async def shell(request: AnyRequest) -> Response[bytes]:
    """The app's document, the same for everybody; a login comes back to it as well."""
    parts, language = parts_of(request), preferred_language(request)
    now = parts.clock()
    codes = sorted(name.rpartition(".")[2] for name in texts(language) if name.startswith("phone.problem."))
    return html(
        parts,
        "phone/shell.html",
        language,
        nonce=nonce(parts.keys.ring, now),
        now=int(now),
        codes=codes,
        can_log_in=parts.can_log_in(),
    )


@get("/{name:str}", include_in_schema=False)
async def screen(request: AnyRequest, caller: NamedDependency[Caller], name: FromPath[str]) -> Response[bytes]:
    """One screen, a part of a page, for the session of this phone."""
    return await _screen(request, caller, name)


async def _screen(request: AnyRequest, caller: Caller, name: str) -> Response[bytes]:
    """Of a session that moves meanwhile, the screen that fits where it then is."""
    fitting = screens.fitting(caller.session, caller.phone, caller.pending, name)
    try:
        facts = await _of_every_screen(request, caller) | await _FACTS[fitting](request, caller)
    except Refused:
        if (moved := await anew(request, caller)) is None:
            raise
        return await _screen(request, moved, name)
    language = caller.session.language
    return html(parts_of(request), f"phone/{fitting}.html", language, status=200, screen=fitting, **facts)


async def _of_every_screen(request: AnyRequest, caller: Caller) -> Facts:
    parts, session = parts_of(request), caller.session
    running = session.state is State.COLLECTING and caller.phone is not None
    return {
        "provider": await shown_provider(parts, session, session.language),
        "tabs": running,
        "stoppable": running,
        "ends_at": iso(attempt_end(session, caller.now)) if running else "",
        "receipts": None if session.ended else _consents_here(caller),
        "renew_at": "",
        "moment": _moment(caller.now, session.language),
    }


def _consents_here(caller: Caller) -> int:
    """How many receipts of consent this phone can ask for."""
    phone = caller.phone
    return sum(phone is not None and given.phone == phone.id for given in caller.session.consents.values())


async def _confirm(request: AnyRequest, caller: Caller) -> Facts:
    session, pending = caller.session, caller.pending
    labels = parts_of(request).labels(session.language)
    return {
        "role": pending.phone.role if pending else "applicant",
        "purpose": in_language(session.language, session.profile.purpose),
        "names": formats.listed([labels.get(s, s) for s in session.profile.sources], session.language),
        **_pairing(pending),
    }


def _pairing(pending: PendingPhone | None) -> Facts:
    """The phone that waits, and until when its code is good."""
    if pending is None:
        return {"pairing": "", "code_until": ""}
    return {"pairing": pending.phone.id, "code_until": iso(pending.scanned_at + PAIRING_CODE_SECONDS)}


def _collecting(request: AnyRequest, caller: Caller, *, partner: bool = False) -> Facts:
    """What the tabs Ophalen and Bekijken, and the partner's screens, have in common."""
    parts, session, phone = parts_of(request), caller.session, caller.linked()
    language, labels = session.language, parts.labels(session.language)
    it = screens.collecting(session, phone, _offers(parts, caller.now), partner=partner)
    return {
        "it": it,
        "renew_at": iso(it.changes_at) if it.changes_at else "",
        "role": phone.role,
        "both": "partner" in session.people,
        "called": {role: "applicant" if role == phone.role else "partner" for role in ROLES},
        "frozen": session.frozen,
        "labels": {source: labels.get(source, source) for source in session.profile.sources},
        "sms": {name for name, connector in parts.connectors.items() if connector.manifest.login.sms},
        "can_log_in": parts.can_log_in(session.profile.sources),
        "accept": _ACCEPT,
        "max_bytes": parts.settings.uploads.max_bytes if parts.settings.uploads else 0,
        "until": formats.near(attempt_end(session, caller.now), caller.now, language),
        "clock": _clock(language),
        "by_then": _by_then(caller.now, language),
        "or_else": _or_else(language),
        "gaps": _gaps(language),
        "next_step": any(source.primary for person in it.mine for source in person.sources),
        "progress": _progress(language, it, labels),
        "missing": [
            (role, formats.listed([labels.get(source, source) for source in sources], language))
            for role, sources in screens.missing(session)
        ],
        "lacking": _lacking(session, labels),
    }


def _lacking(session: Session, labels: Mapping[str, str]) -> list[tuple[Role, list[str]]]:
    """Per adult what would not be sent now, in sentences."""
    language = session.language

    def told(name: str, sources: tuple[str, ...]) -> list[str]:
        form = "one" if len(sources) == 1 else "many"
        listed = formats.listed([labels.get(source, source) for source in sources], language)
        return [text(language, f"phone.lacking.{name}.{form}", sources=listed)] if sources else []

    return [
        (role, told("failed", failed) + told("partly", partly)) for role, failed, partly in screens.lacking(session)
    ]


def _offers(parts: Parts, now: float) -> Offers:
    """What can be done at each source. One that nobody asks has no troubles."""
    return Offers(
        transports=parts.transports(),
        condition=lambda source: parts.health.condition(source, now) if source in parts.connectors else None,
    )


def _moment(now: float, language: Language) -> Callable[[float], str]:
    return lambda at: formats.moment(at, now, language)


def _clock(language: Language) -> Callable[[float], str]:
    """The time of day of a moment in an attempt, which lasts a day at most."""
    return lambda at: formats.time_of_day(at, language)


def _by_then(now: float, language: Language) -> Callable[[float], str]:
    return lambda at: formats.by_then(at, now, language)


def _or_else(language: Language) -> Callable[..., str]:
    """Looks up a text that may not be there (a plug-in's word, or none), else another."""

    def found(name: str, other: str, **facts: object) -> str:
        return text(language, name if name in texts(language) else other, **facts)

    return found


def _gaps(language: Language) -> Callable[[Iterable[str]], str]:
    """What is missing from an answer, in words, each once."""
    found = _or_else(language)
    return lambda codes: formats.listed(
        list(dict.fromkeys(found(f"phone.gap.{code}", "phone.gap.other") for code in codes)), language
    )


def _progress(language: Language, it: Collecting, labels: Mapping[str, str]) -> str:
    """How far it is, in a sentence that changes when something did."""
    people = (*it.mine, *((it.other,) if it.other else ()))
    sources = [source for person in people for source in person.sources]
    told = [text(language, "phone.ophalen.progress", done=sum(s.state in _OVER for s in sources), all=len(sources))]
    mine = [(labels.get(s.id, s.id), s) for person in it.mine for s in person.sources]
    told += [text(language, "phone.ophalen.busy", source=name) for name, s in mine if s.state == "fetching"]
    down = list(dict.fromkeys(name for name, s in mine if s.trouble))
    return " ".join([*told, *(text(language, "phone.ophalen.trouble", source=name) for name in down)])


async def _partner(request: AnyRequest, caller: Caller) -> Facts:
    return _collecting(request, caller, partner=True)


async def _partner_phone(_: AnyRequest, caller: Caller) -> Facts:
    return _pairing(caller.session.partner_pairing.pending)


async def _ophalen(request: AnyRequest, caller: Caller) -> Facts:
    return _collecting(request, caller)


async def _bekijken(request: AnyRequest, caller: Caller) -> Facts:
    review, session = await _consents(request).review(caller), caller.session
    what = asked(session, parts_of(request).manifests, shown_of(review))
    page = review_page(review, what, caller.linked().role, session.language, caller.now)
    return _collecting(request, caller) | {"page": page}


async def _verzenden(request: AnyRequest, caller: Caller) -> Facts:
    facts, session, phone = _collecting(request, caller), caller.session, caller.linked()
    if facts["missing"]:
        return facts
    review = await _consents(request).review(caller)
    mine = [role for role in session.people if screens.may_collect(session, phone, role)]
    adults = [adult for adult in review.consents if adult.person in mine]
    others = [role for role in session.people if role not in mine and role not in session.consents]
    strangers = [role for role in mine if role not in {adult.person for adult in adults}]
    return facts | {
        "adults": adults,
        "review_digest": review.digest,
        "going": _going(session.language, review),
        "files": bool(review.content.documents) or any(counts.documents for counts in review.counts.values()),
        "waiting_for": others,
        "to_log_in": strangers,
        "partial": is_partial(session),
        "last": len([a for a in adults if not a.given]) == 1 and not others and not strangers,
        "bsn_basis": session.profile.bsn_basis,
        "purge_receipt": None,
        "declining": {
            "applicant": "decline_ends",
            "partner": "leave_alone" if one_person_allowed(session) else "leave_ends",
        },
    }


def _going(language: Language, review: Review) -> list[str]:
    """What goes, counted: of those whose values this phone shows, and of the other."""
    content = review.content
    shown = Counts(
        persons=len(content.household.persons) - len(review.counts),
        incomes=len(content.incomes),
        pensions=len(content.pensions),
        possessions=len(content.possessions),
        debts=len(content.debts),
        documents=len(content.documents),
    )
    others = [formats.listed(_counted(language, counts), language) for counts in review.counts.values()]
    return [*_counted(language, shown), *(text(language, "phone.verzenden.partner_counts", counts=c) for c in others)]


def _counted(language: Language, counts: Counts) -> list[str]:
    numbers: dict[str, int] = msgspec.structs.asdict(counts)
    return [formats.count(name, number, language) for name, number in numbers.items() if number]


async def _sent(_: AnyRequest, caller: Caller) -> Facts:
    return {"sent_at": caller.session.consented_at, "purge_receipt": None}


async def _end(_: AnyRequest, caller: Caller) -> Facts:
    session = caller.session
    return {
        "outcome": outcome(session),
        "sent_at": session.consented_at if session.state in (State.DELIVERED, State.UNDELIVERED) else None,
        "received": session.state is State.DELIVERED,
        "ended_at": session.ended_at,
        "return_url": session.return_url,
        "purge_receipt": session.purge_receipt,
        "session_id": session.id,
    }


def _consents(request: AnyRequest) -> Consents:
    return request.app.state["consents"]


_FACTS: dict[screens.Name, Callable[[AnyRequest, Caller], Awaitable[Facts]]] = {
    "confirm": _confirm,
    "code": _confirm,
    "ophalen": _ophalen,
    "partner": _partner,
    "partner-phone": _partner_phone,
    "bekijken": _bekijken,
    "verzenden": _verzenden,
    "sent": _sent,
    "end": _end,
}


def routers() -> list[Any]:
    """The app's document and its screens."""
    return [shell, Router("/phone/v1/screens", route_handlers=[screen], dependencies={"caller": Provide(caller_of)})]
