"""What stands under Bekijken: everything that goes to the provider, in the five categories, with what to know about it.

Puts the records in their places with their source, questions and remarks; how a record reads is `headlines` and
`values`, how a finding reads `questions`. Pure; it shows what `broker.review.visible` leaves and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from broker.consent import Review
from broker.pointers import Shown, concerned
from broker.texts import Language
from broker.web import formats
from broker.web.headlines import headline
from broker.web.placing import Places
from broker.web.questions import Question, questions
from broker.web.values import Detail, details
from broker.web.voice import Voice
from connectors.contract import Manifest
from schemas.base import Provenance
from schemas.household import Person, Relation
from schemas.income import Allowance, Assessment, Benefit, Employment, Income
from schemas.payload import Content, Document
from schemas.pension import Pension, SchemePension, StatePension, SurvivorPension
from schemas.records import Finding
from schemas.wealth import Balance, RealEstate, Vehicle
from sessions.model import ANSWERED, ROLES, Role, Session

CategoryName = Literal["persons", "incomes", "pensions", "possessions", "debts"]

_FIELDS: dict[CategoryName, tuple[str, ...]] = {
    "persons": ("person.", "address", "relation."),
    "incomes": ("income.",),
    "pensions": ("pension.",),
    "possessions": ("possession.",),
    "debts": ("debt.",),
}
_MUTUAL = ("partner", "ex-partner", "cohabitant")
_UNFINISHED = ("todo", "login", "fetching")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a session asks for: the profile's fields; by category the sources that answered and those that did not."""

    fields: frozenset[str]
    answered: Mapping[str, tuple[str, ...]]
    unanswered: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str]


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """How to say that a record is wrong: as whom, and what `POST /phone/v1/remarks` takes as its field."""

    person: str
    field: str
    source: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One record. `facts` and `source` are lines of text; without `remark` nothing can be said about it (any more)."""

    id: str
    title: str
    amount: str
    period: str
    facts: str
    source: str
    details: tuple[Detail, ...]
    questions: tuple[Question, ...]
    remark: Remark | None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Records that stand together, perhaps under a heading; `badge` is the role of whose they are, as `jij` sees it."""

    title: str = ""
    badge: str = ""
    letter: str = ""
    entries: tuple[Entry, ...]


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """One of the five. `counted` is the count in words, `waiting` that of questions that wait for an answer ("": none);
    `empty` says what an empty one means; `elsewhere` what goes of the other adult, which is not shown here."""

    id: CategoryName
    title: str
    count: int
    counted: str
    groups: tuple[Group, ...]
    waiting: str = ""
    empty: str = ""
    elsewhere: str = ""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A document that goes along as it is: what it is, whose, of which kind and size with its seal, and from where."""

    id: str
    title: str
    facts: str
    source: str


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """The whole: what belongs to no record first, what goes of the other adult, the categories that are asked, and the
    files that go along."""

    notes: tuple[Question, ...]
    elsewhere: str
    categories: tuple[Category, ...]
    files: tuple[File, ...]


def asked(session: Session, manifests: Mapping[str, Manifest], shown: Iterable[str]) -> Asked:
    """What this session asks for, and how far that is for the adults who are `shown`."""
    people = [session.people[role] for role in shown if role in session.people]
    fields = frozenset(session.profile.fields)
    answered: dict[str, tuple[str, ...]] = {}
    unanswered: dict[str, tuple[str, ...]] = {}
    for source in session.profile.sources:
        manifest = manifests.get(source)
        ready = bool(people) and all(p.sources[source].status in ANSWERED for p in people if source in p.sources)
        for category in _categories(fields.intersection(manifest.fields if manifest else ())):
            told = answered if ready else unanswered
            told[category] = (*told.get(category, ()), source)
    labels = {id_: m.label.nl if session.language == "nl" else m.label.en for id_, m in manifests.items()}
    return Asked(fields=fields, answered=answered, unanswered=unanswered, labels=labels)


def _categories(fields: Iterable[str]) -> list[CategoryName]:
    given = tuple(fields)
    return [name for name, starts in _FIELDS.items() if any(field.startswith(starts) for field in given)]


def shown_of(review: Review) -> frozenset[str]:
    """The adults whose values a phone shows."""
    return frozenset(consent.person for consent in review.consents)


def review_page(review: Review, what: Asked, reader: Role, language: Language, now: float) -> ReviewPage:
    """The page for the phone of `reader`; `now` in seconds since the epoch."""
    content = review.content
    voice = Voice(
        language=language,
        reader=reader,
        now=now,
        labels=what.labels,
        names={person.id: person.name.full for person in content.household.persons if person.name},
        together=len({person.id for person in content.household.persons} & set(ROLES)) > 1,
    )
    hidden = frozenset(review.counts)
    scene = _Scene(
        content=content,
        shown=shown_of(review),
        hidden=hidden,
        places=Places(content, shown_of(review)),
        frozen=review.frozen,
        what=what,
        voice=voice,
    )
    absent: dict[CategoryName, list[str]] = {name: _absent(review, scene, name) for name in _categories(what.fields)}
    everything = [words for told in absent.values() for words in told]
    hidden_files = sum(counts.documents for counts in review.counts.values())
    everything += [formats.count("documents", hidden_files, language)] if hidden_files else []
    return ReviewPage(
        notes=questions(_apart(review, scene), voice, apart=True),
        elsewhere=_elsewhere("review.elsewhere.all", everything, voice),
        categories=tuple(_category(name, told, scene) for name, told in absent.items()),
        files=tuple(_file(document, scene) for document in content.documents),
    )


class _Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What every part of the page is made from."""

    content: Content
    shown: frozenset[str]
    hidden: frozenset[str]
    places: Places
    frozen: bool
    what: Asked
    voice: Voice


def _apart(review: Review, scene: _Scene) -> list[Finding]:
    """What stands at no record. While sources are still to be asked, that they are is no news."""
    unfinished = () if review.ready else _UNFINISHED
    return [f for f in scene.places.apart if not (f.kind == "missing-source" and f.code in unfinished)]


def _absent(review: Review, scene: _Scene, name: CategoryName) -> list[str]:
    """What goes of the adult who is not shown here, counted in words, without what is shown because it is of both."""
    language = scene.voice.language
    words: list[str] = []
    for role in sorted(scene.hidden - {scene.voice.reader}):
        shared = sum(role in concerned(r, scene.content) for r in _records(scene, name) if r not in _stubs(scene))
        number = getattr(review.counts[role], name) - shared
        if name == "persons" and number > 0:
            words.append(scene.voice.say("review.elsewhere.own"))
            number -= 1
        if number > 0:
            words.append(formats.count(name, number, language))
    return words


def _stubs(scene: _Scene) -> list[Shown]:
    return [person for person in scene.content.household.persons if person.id in scene.hidden]


def _elsewhere(name: str, words: list[str], voice: Voice) -> str:
    return voice.say(name, what=formats.listed(words, voice.language)) if words else ""


def _records(scene: _Scene, name: CategoryName) -> Sequence[Shown]:
    content = scene.content
    lists: dict[CategoryName, Sequence[Shown]] = {
        "persons": content.household.persons,
        "incomes": sorted(content.incomes, key=_order_of_income),
        "pensions": sorted(content.pensions, key=_order_of_pension),
        "possessions": content.possessions,
        "debts": content.debts,
    }
    return lists[name]


def _order_of_income(income: Income) -> tuple[int, bool, int]:
    """Work first, what ended last, the latest year first."""
    rank = (Employment, Benefit, Assessment, Allowance).index(type(income))
    ended = getattr(income, "end", None) is not None
    return rank, ended, -getattr(income, "year", 0)


def _order_of_pension(pension: Pension) -> int:
    return (StatePension, SchemePension, SurvivorPension).index(type(pension))


def _category(name: CategoryName, absent: list[str], scene: _Scene) -> Category:
    voice = scene.voice
    stubs = _stubs(scene)
    records = [record for record in _records(scene, name) if record not in stubs]
    groups = _grouped(name, records, scene)
    return Category(
        id=name,
        title=voice.say(f"review.category.{name}"),
        count=len(records),
        counted=formats.count(name, len(records), voice.language),
        groups=groups,
        waiting=_waiting(groups, voice),
        empty="" if groups else _empty(name, scene),
        elsewhere=_elsewhere("review.elsewhere.here", absent, voice),
    )


def _waiting(groups: tuple[Group, ...], voice: Voice) -> str:
    number = sum(question.waiting for group in groups for entry in group.entries for question in entry.questions)
    form = "one" if number == 1 else "many"
    return voice.say(f"review.waiting.{form}", number=number) if number else ""


def _empty(name: CategoryName, scene: _Scene) -> str:
    """That nothing was found is said of sources that answered; of the others, that we do not know."""
    voice = scene.voice

    def told(text: str, sources: tuple[str, ...]) -> str:
        labels = formats.listed([voice.label(source) for source in sources], voice.language)
        return voice.say(text, sources=labels) if sources else ""

    partly = {finding.source for finding in scene.content.findings if _is_incomplete(finding, name)}
    answered, unanswered = scene.what.answered.get(name, ()), scene.what.unanswered.get(name, ())
    nothing = told("review.empty.nothing", tuple(source for source in answered if source not in partly))
    unknown = told("review.empty.unknown", (*(source for source in answered if source in partly), *unanswered))
    return " ".join(part for part in (nothing, unknown) if part)


def _is_incomplete(finding: Finding, name: CategoryName) -> bool:
    """Whether a source that answered may know more of this category than it told."""
    return finding.kind == "incomplete" and (finding.field is None or finding.field.startswith(_FIELDS[name]))


def _grouped(name: CategoryName, records: Sequence[Shown], scene: _Scene) -> tuple[Group, ...]:
    match name:
        case "persons":
            places = _group(scene.content.household.addresses, scene, scene.voice.say("review.group.addresses"))
            return (*_group(records, scene), *places)
        case "incomes" | "pensions" if len(scene.shown) > 1:
            people: list[Role] = [role for role in ROLES if role in scene.shown]
            return tuple(group for role in people for group in _of_person(role, records, scene))
        case "possessions":
            kinds = {"homes": RealEstate, "vehicles": Vehicle, "balances": Balance}
            return tuple(
                group
                for kind, type_ in kinds.items()
                for group in _group(
                    [record for record in records if isinstance(record, type_)],
                    scene,
                    scene.voice.say(f"review.group.{kind}"),
                )
            )
        case _:
            return _group(records, scene)


def _group(records: Sequence[Shown], scene: _Scene, title: str = "") -> tuple[Group, ...]:
    """One group, or none where there is nothing."""
    return (Group(title=title, entries=tuple(_entry(record, scene) for record in records)),) if records else ()


def _of_person(role: Role, records: Sequence[Shown], scene: _Scene) -> tuple[Group, ...]:
    mine = [record for record in records if role in concerned(record, scene.content)]
    badge = "applicant" if role == scene.voice.reader else "partner"
    title = scene.voice.names.get(role) or scene.voice.say(
        f"review.role.{'you' if badge == 'applicant' else 'partner'}"
    )
    letter = title[:1].upper() if role in scene.voice.names else ""
    return tuple(replace(group, badge=badge, letter=letter, title=title) for group in _group(mine, scene))


def _entry(record: Shown, scene: _Scene) -> Entry:
    voice, bonds = scene.voice, _bonds(scene)
    made = headline(record, bonds, voice)
    facts = " · ".join(made.facts)
    pointer = scene.places.pointer(record, voice.reader)
    own = [bond for bond in bonds if isinstance(record, Person) and bond.person == record.id]
    sources = _sources((*record.sources, *(source for bond in own for source in bond.sources)), voice)
    return Entry(
        id=f"record-{hashlib.sha256(repr(pointer).encode()).hexdigest()[:10]}",
        title=made.title,
        amount=made.amount,
        period=made.period,
        facts=facts[:1].upper() + facts[1:],
        source=" · ".join(voice.say("review.entry.from", source=s, time=time) for s, time in sources.items()),
        details=details(record, voice),
        questions=questions(scene.places.at(record), voice),
        remark=None
        if pointer is None or scene.frozen
        else Remark(person=pointer[0], field=pointer[1], source=formats.listed(list(sources), voice.language)),
    )


def _file(document: Document, scene: _Scene) -> File:
    """Named by what its source hands out: what the citizen called it is not known here."""
    voice = scene.voice
    whose = voice.say("review.whose.you" if document.person == voice.reader else "review.whose.partner")
    kind = document.media_type.rpartition("/")[2].upper()
    seal = voice.say(f"review.document.{document.seal}") if document.seal else ""
    size = formats.size(document.size_bytes, voice.language)
    facts = (whose if voice.together else "", f"{kind}, {size}", seal)
    label, read = voice.label(document.source), _read_at(document, scene.content)
    time = formats.moment(read, voice.now, voice.language) if read else ""
    return File(
        id=f"document-{document.number}",
        title=voice.says_or(f"review.document.kind.{document.source}", voice.say("review.document.kind.other")),
        facts=" · ".join(fact for fact in facts if fact),
        source=voice.say("review.entry.from", source=label, time=time) if time else label,
    )


def _read_at(document: Document, content: Content) -> float | None:
    """When it was handed over, as its records say; a document of which nothing could be read has none."""
    home = content.household
    records = (*home.persons, *home.relations, *home.addresses, *content.incomes, *content.pensions)
    told = (origin for record in (*records, *content.possessions, *content.debts) for origin in record.sources)
    moments = (origin.retrieved_at.timestamp() for origin in told if origin.document_digest == document.digest)
    return next(moments, None)


def _bonds(scene: _Scene) -> tuple[Relation, ...]:
    """Relations as seen from whom is shown: a bond with the other adult stands at one's own name."""
    return tuple(
        replace(bond, person=bond.of, of=bond.person) if bond.person in scene.hidden and bond.kind in _MUTUAL else bond
        for bond in scene.content.household.relations
    )


def _sources(told: Iterable[Provenance], voice: Voice) -> dict[str, str]:
    """Each source by name, with when it was last asked."""
    latest: dict[str, float] = {}
    for one in told:
        label, at = voice.label(one.source), one.retrieved_at.timestamp()
        latest[label] = max(at, latest.get(label, at))
    return {label: formats.moment(at, voice.now, voice.language) for label, at in latest.items()}
