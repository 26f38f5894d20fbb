"""The page Bekijken: everything that is sent stands on it, in words, in its place, and nothing of who is not here."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec import inspect
from msgspec.structs import replace

import connectors
from broker.texts import Language
from broker.web.render import texts
from broker.web.review_page import review_page
from broker.web.values import CHOICES, DATES, details
from broker.web.voice import Voice
from schemas.base import Money
from schemas.household import Address, Household, Relation
from schemas.income import Assessment, Benefit, Employment, PayPeriod
from schemas.payload import Content
from schemas.pension import SchemePension, SurvivorPension
from schemas.records import Finding, FindingKind, FindingValue
from schemas.wealth import Balance, Debt, Owner, PropertyValue, RealEstate, Vehicle
from tests.unit.broker.web.reviewing import (
    KINDS,
    LABELS,
    NOW,
    asked_all,
    content_of,
    couple,
    entries,
    filled,
    html_of,
    person,
    raw_in,
    remark,
    review_of,
    shown_page,
    source,
    words_of,
)

LANGUAGES: tuple[Language, ...] = ("nl", "en")
MINE = (Owner(person="applicant"),)
THEIRS = (Owner(person="partner"),)
BOTH = (*MINE, *THEIRS)


def voice_of(language: Language) -> Voice:
    return Voice(language=language, reader="applicant", now=NOW, labels=LABELS, names={}, together=False)


def struct_fields() -> list[tuple[str, inspect.Type]]:
    """Every attribute of every record, and of what is in them."""
    found: dict[type, list[tuple[str, inspect.Type]]] = {}

    def walk(kind: Any) -> None:
        if kind in found:
            return
        found[kind] = [(field.name, inspect.type_info(field.type)) for field in msgspec.structs.fields(kind)]
        for _, type_ in found[kind]:
            for one in flattened(type_):
                if isinstance(one, inspect.StructType):
                    walk(one.cls)

    for kind in (*KINDS, Relation):
        walk(kind)
    return [field for fields in found.values() for field in fields]


def flattened(kind: inspect.Type) -> list[inspect.Type]:
    match kind:
        case inspect.UnionType(types=types):
            return [one for type_ in types for one in flattened(type_)]
        case inspect.VarTupleType(item_type=item):
            return flattened(item)
        case _:
            return [kind]


def test_the_attributes_that_are_dates_are_known() -> None:
    """What holds a partial date in the schemas is written as a date."""
    dated = {
        name
        for name, kind in struct_fields()
        for one in flattened(kind)
        if isinstance(one, inspect.StrType) and one.pattern is not None
    }
    assert dated == DATES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_choice_of_the_schemas_has_words(language: Language) -> None:
    """No word of a program stands on the page where a person's word could."""
    choices = {
        value
        for name, kind in struct_fields()
        for one in flattened(kind)
        if isinstance(one, inspect.LiteralType) and name in CHOICES
        for value in one.values
    }
    assert choices
    assert not [value for value in choices if f"review.value.{value}" not in texts(language)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_record_is_shown(kind: type[Any], language: Language) -> None:
    """Each has a title, a source with its time, and every value that is sent, named; nothing of it is raw."""
    record = filled(kind)
    page = shown_page(review_of(content_of(record)), language)
    entry = next(entry for entry in entries(page) if len(entry.details) > 3)
    assert entry.title
    assert {"nl": "vandaag 14:05", "en": "today 14:05"}[language] in entry.source
    html = html_of(page, language)
    assert raw_in(html, language) == []
    said = words_of(html)
    for text in re.findall(rb'"(Tekst-[\w-]+)"', msgspec.json.encode(record)):
        assert text.decode() in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_which_little_is_known_is_shown(kind: type[Any]) -> None:
    """What is not known is not there: no empty names, no zeros, no `None`."""
    needed = {field.name for field in msgspec.structs.fields(kind) if field.required}
    full = filled(kind)
    bare = kind(**{name: getattr(full, name) for name in needed} | {"sources": source()})
    page = shown_page(review_of(content_of(bare)))
    assert all(entry.title for entry in entries(page))
    assert raw_in(html_of(page), "nl") == []


def test_every_attribute_has_a_name_of_its_own() -> None:
    """In the list of everything that goes along, no attribute is called by its name in the schema."""
    for language in LANGUAGES:
        for kind in KINDS:
            assert all(detail.label and detail.lines for detail in details(filled(kind), voice_of(language)))


def test_the_categories_stand_in_order_with_their_counts() -> None:
    """Persons, incomes, pensions, possessions, debts; the count is said in words."""
    content = couple(
        incomes=(filled(Employment), filled(Assessment)),
        pensions=(filled(SchemePension),),
        possessions=(filled(Balance), filled(Vehicle), filled(RealEstate)),
        debts=(filled(Debt),),
    )
    page = shown_page(review_of(content))
    assert [(category.title, category.counted) for category in page.categories] == [
        ("Personen", "3 personen"),
        ("Inkomens", "2 inkomens"),
        ("Pensioenen", "1 pensioen"),
        ("Bezittingen", "3 bezittingen"),
        ("Schulden", "1 schuld"),
    ]
    assert [group.title for group in page.categories[3].groups] == ["Woningen en grond", "Voertuigen", "Tegoeden"]


def test_what_the_profile_does_not_ask_is_not_there() -> None:
    """A category of which no field is asked is not on the page, not even empty."""
    narrow = asked_all(frozenset({"person.name", "income.employment"}))
    page = review_page(review_of(content_of(filled(Employment))), narrow, "applicant", "nl", NOW)
    assert [category.id for category in page.categories] == ["persons", "incomes"]


def empty(what: Any, *findings: Finding) -> dict[str, str]:
    """What is said of the categories in which there is nothing."""
    content = Content(household=Household(persons=(person("applicant", "Anna"),)), findings=findings)
    page = review_page(review_of(content), what, "applicant", "nl", NOW)
    return {category.id: category.empty for category in page.categories if category.empty}


def test_nothing_found_is_only_said_of_who_answered() -> None:
    """An empty category tells where was looked; a source that did not answer is never a nothing."""
    assert empty(asked_all())["debts"] == "Niets gevonden. We keken bij UWV en Belastingdienst."
    assert empty(asked_all(debts=("uwv",)))["debts"] == (
        "Niets gevonden. We keken bij Belastingdienst. "
        "Bij UWV is niet alles opgehaald. Daar kan dus nog iets bekend zijn."
    )
    assert "Niets gevonden" not in empty(asked_all(debts=("uwv", "belastingdienst")))["debts"]


def test_half_an_answer_is_no_nothing() -> None:
    """Where a part of a source did not answer, what it may hold is not called absent."""
    half = Finding(
        kind="incomplete", code="rdw-unavailable", source="uwv", person="applicant", field="possession.vehicle"
    )
    said = empty(asked_all(), half)
    assert said["possessions"].startswith("Niets gevonden. We keken bij Belastingdienst. Bij UWV is niet alles")
    assert said["pensions"] == "Niets gevonden. We keken bij UWV en Belastingdienst."


def test_the_latest_wage_stands_out() -> None:
    """Of an employment the wage of the latest period is its amount; of a period and its correction the larger one."""
    periods = [(f"2025-0{m}-01", f"2025-0{m}-2{8 if m == 2 else 9}", wage) for m, wage in ((1, 10), (2, 30), (2, -5))]
    paid = tuple(
        PayPeriod(start=a, end=b, wage=Money(amount=Decimal(wage), period="month", basis="gross"))
        for a, b, wage in periods
    )
    income = Employment(person="applicant", employer="Bakker", periods=paid, sources=source())
    (_, entry) = entries(shown_page(review_of(content_of(income))))
    assert (entry.amount.replace("\xa0", " "), entry.period) == ("€ 30", "bruto per maand")
    assert entry.facts.startswith("Loon februari 2025")
    assert len(entry.details) == 4


def test_the_latest_woz_value_stands_out() -> None:
    """And the others stand in the list, the latest first."""
    values = tuple(
        PropertyValue(amount=Money(amount=Decimal(f"{year}00"), period="once"), reference_date=f"{year}-01-01")
        for year in (2023, 2025, 2024)
    )
    home = RealEstate(owners=MINE, cadastral_id="1", values=values, sources=source())
    (_, entry) = entries(shown_page(review_of(content_of(home))))
    assert entry.amount.replace("\xa0", " ") == "€ 202.500"
    assert [d.label for d in entry.details][2:] == [f"WOZ-waarde: 1 januari {year}" for year in (2025, 2024, 2023)]


def owners_said(owners: tuple[Owner, ...], *, both: bool = True, language: Language = "nl") -> str:
    thing = Vehicle(owners=owners, plate="ZB417X", sources=source())
    alone = Content(household=Household(persons=(person("applicant", "Anna"),)))
    content = replace(couple() if both else alone, possessions=(thing,))
    return next(e for e in entries(shown_page(review_of(content), language)) if e.title == "ZB417X").facts


def test_whose_a_thing_is() -> None:
    """Said where there are two adults, and where only a part is theirs; in words."""
    halves = tuple(replace(owner, share="1/2") for owner in BOTH)
    assert owners_said(MINE) == "Van jou"
    assert owners_said(THEIRS) == "Van je partner"
    assert owners_said(BOTH) == "Van jullie samen"
    assert owners_said(halves) == "Van jullie samen, ieder de helft"
    assert owners_said(halves, language="en") == "Of you both, half each"
    unequal = (replace(MINE[0], share="1/3"), replace(THEIRS[0], share="2/3"))
    assert owners_said(unequal) == "Van jullie samen: jij 1/3 deel, je partner 2/3 deel"
    assert owners_said(MINE, both=False) == ""
    assert owners_said((halves[0],), both=False) == "Van jou: de helft"


def test_relations_are_said_from_who_reads() -> None:
    """The same household, read by each adult."""
    content = couple()
    mine = {entry.title: entry.facts for entry in entries(shown_page(review_of(content)))}
    theirs = {entry.title: entry.facts for entry in entries(shown_page(review_of(content), reader="partner"))}
    assert mine["Bram"].startswith("Getrouwd met jou, sinds 1 juni 2010")
    assert theirs["Bram"].startswith("Jij · Getrouwd met je partner")
    assert mine["Mia"].startswith("Kind van jullie samen · geboren op 1 januari 2012")


def test_who_was_widowed_has_no_ex_partner() -> None:
    """A marriage that ended is told as it was: the register does not say whether by death or divorce."""
    former = Relation(person="ex-partner-1", kind="ex-partner", of="applicant", form="marriage", until="2022")
    people = (person("applicant", "Anna"), person("ex-partner-1", "Nico", None))
    content = Content(household=Household(persons=people, relations=(former,)))
    facts = {entry.title: entry.facts for entry in entries(shown_page(review_of(content)))}
    assert facts["Nico"] == "Was getrouwd met jou, tot en met 2022"


def test_on_a_shared_phone_each_has_a_heading() -> None:
    """Incomes and pensions stand by person; on one's own phone nobody's name stands above them."""
    incomes = tuple(filled(Assessment, person=who) for who in ("applicant", "partner"))
    content = couple(incomes=incomes)
    together = shown_page(review_of(content)).categories[1].groups
    assert [(group.title, group.badge) for group in together] == [("Anna", "applicant"), ("Bram", "partner")]
    (alone,) = shown_page(review_of(content, "applicant")).categories[1].groups
    assert (alone.title, len(alone.entries)) == ("", 1)


def hidden_couple() -> Content:
    wage = Money(amount=Decimal("7654.32"), period="month")
    home = Address(persons=("applicant", "partner"), street="Samenweg", sources=source())
    secret = Employment(
        person="partner", employer="Geheimhouder", periods=(PayPeriod(start="2025", wage=wage),), sources=source()
    )
    content = couple(
        incomes=(secret, filled(Assessment)),
        pensions=(filled(SchemePension, person="partner", provider="Geheimfonds"),),
        possessions=(Vehicle(owners=THEIRS, plate="GEHEIM"), Vehicle(owners=BOTH, plate="ONSAUTO", sources=source())),
        debts=(Debt(owners=BOTH, type="mortgage", sources=source()),),
        findings=(remark("income.employment[Geheimhouder]", "geheime opmerking", "partner"),),
    )
    return replace(content, household=replace(content.household, addresses=(home,)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_other_adult_is_counted_and_not_shown(language: Language) -> None:
    """Of a partner with an own phone stands how much goes along, without what is of both; no value and no remark."""
    html = html_of(shown_page(review_of(hidden_couple(), "applicant"), language), language)
    assert not re.findall("Geheim|GEHEIM|geheime|7.654|7,654|Bram", html)
    assert "ONSAUTO" in html
    if language == "nl":
        expected = "naam en andere persoonsgegevens, 1 inkomen, 1 pensioen en 1 bezitting. Die ziet je partner"
        assert f"Van je partner gaat ook mee: {expected} op de eigen telefoon." in words_of(html)


def test_the_marriage_stands_with_who_is_shown() -> None:
    """The other adult is not on the page, that they are married is: it is of both."""
    entry = entries(shown_page(review_of(hidden_couple(), "applicant")))[0]
    assert (entry.title, "Getrouwd met je partner" in entry.facts) == ("Anna", True)
    theirs = entries(shown_page(review_of(hidden_couple(), "partner"), reader="partner"))[0]
    assert (theirs.title, "Getrouwd met je partner" in theirs.facts) == ("Bram", True)


def clash(field: str, code: str, *values: tuple[str, str], **more: Any) -> Finding:
    said = tuple(FindingValue(source=who, value=value) for who, value in values)
    return Finding(kind="clash", code=code, field=field, values=said, **more)


def test_a_clash_is_a_question_at_its_record() -> None:
    """Who says what, in the reader's notation, beside the record; and that both are sent."""
    said = (("mijnoverheid", "€ 389.500,00"), ("belastingdienst", "€ 391.000,00 (year, gross, 2025-01-01)"))
    homes = tuple(filled(RealEstate, street=f"Weg {n}", cadastral_id=str(n)) for n in (1, 2))
    finding = clash(
        "possession.real-estate",
        "bought-for",
        *said,
        person="applicant",
        text="Weg 2 7Tekst-letter Tekst-addition Tekst-city",
    )
    content = content_of(homes[0], findings=(finding,))
    page = shown_page(review_of(replace(content, possessions=homes)))
    (entry,) = [entry for entry in entries(page) if entry.questions]
    (question,) = entry.questions
    assert entry.title.startswith("Weg 2")
    assert question.lead == "Klopt dit?"
    assert question.text == (
        "MijnOverheid en Belastingdienst geven een verschillend antwoord bij ‘Koopsom’. We sturen allebei mee."
    )
    assert [value.replace("\xa0", " ") for value in question.values] == [
        "MijnOverheid: € 389.500,00",
        "Belastingdienst: € 391.000,00 (per jaar, bruto, 1 januari 2025)",
    ]
    assert page.notes == ()


@pytest.mark.parametrize(
    ("language", "one", "two"), [("nl", "1 vraag", "2 vragen"), ("en", "1 question", "2 questions")]
)
def test_a_closed_category_says_that_a_question_waits_in_it(language: Language, one: str, two: str) -> None:
    """What asks whether something is right is counted on the category; a note or a remark waits for nobody."""
    doubt = clash("possession.real-estate", "bought-for", ("uwv", "1"), ("mpo", "2"), person="applicant")
    remark = Finding(kind="remark", code="remark", person="applicant", field="possession.real-estate", text="Nee.")
    content = content_of(filled(RealEstate), findings=(doubt, remark))
    for findings, told in (((remark,), ""), ((doubt, remark), one), ((doubt, doubt), two)):
        page = shown_page(review_of(replace(content, findings=findings)), language)
        waiting = {category.id: category.waiting for category in page.categories if category.waiting}
        assert waiting == ({"possessions": told} if told else {})
        assert told in html_of(page, language)


@pytest.mark.parametrize(
    ("value", "dutch", "english"),
    [
        ("2025-04-03", "3 april 2025", "3 April 2025"),
        ("1/2", "1/2", "1/2"),
        ("applicant: 1/2", "jij: de helft", "you: half"),
        ("True", "ja", "yes"),
        ("marriage", "huwelijk", "marriage"),
        ("2.57", "2,57", "2.57"),
        ("67, 3", "67 jaar en 3 maanden", "67 years and 3 months"),
        ("€ 1,00 (month) (67, 0)", "€ 1,00 (per maand) (67 jaar)", "€1.00 (a month) (67 years)"),
        ("2025-99-99", "2025-99-99", "2025-99-99"),
        ("Dorpsstraat 1, 3", "Dorpsstraat 1, 3", "Dorpsstraat 1, 3"),
    ],
)
def test_values_in_findings_are_told_in_the_readers_notation(value: str, dutch: str, english: str) -> None:
    """The merge writes them as text, for the provider; what is not recognised stays as it was said."""
    finding = clash("address", "since", ("uwv", value), ("mijnoverheid", value), person="applicant")
    for language, expected in (("nl", dutch), ("en", english)):
        page = shown_page(review_of(content_of(filled(Address), findings=(finding,))), language)
        (question,) = next(entry.questions for entry in entries(page) if entry.questions)
        assert question.values[0].replace("\xa0", " ") == f"UWV: {expected}"


def test_what_fits_more_than_one_record_stands_apart() -> None:
    """A clash that does not say which pension it means is not put at one of them."""
    pensions = tuple(filled(SchemePension, scheme=name) for name in ("A", "B"))
    finding = clash("pension.scheme", "reachable", ("uwv", "€ 1,00"), ("mpo", "€ 2,00"), person="applicant")
    page = shown_page(review_of(replace(content_of(pensions[0], findings=(finding,)), pensions=pensions)))
    (note,) = page.notes
    assert (note.lead, "‘Te bereiken’" in note.text) == ("Klopt dit?", True)
    assert not any(entry.questions for entry in entries(page))


def test_doubts_stand_at_the_person() -> None:
    """That a register is investigating is a question beside who it is about, a child too."""
    doubt = Finding(
        kind="under-investigation", code="birth", source="mijnoverheid", person="child-1", field="person.birth"
    )
    page = shown_page(review_of(couple(findings=(doubt,))))
    (entry,) = [entry for entry in entries(page) if entry.questions]
    assert (entry.title, entry.questions[0].text) == (
        "Mia",
        "MijnOverheid onderzoekt of dit klopt: de geboortegegevens. Ook dat sturen we mee.",
    )


def test_missing_sources_are_one_sentence() -> None:
    """Sources without an answer are named together, per person; what is merely not done yet is said elsewhere."""
    findings = tuple(
        Finding(kind="missing-source", code=code, source=name, person=who)
        for who in ("applicant", "partner")
        for code, name in (("failed", "uwv"), ("failed", "belastingdienst"), ("todo", "mpo"))
    )
    content = couple(findings=findings)
    ready = shown_page(review_of(content)).notes
    assert [(note.whose, note.text.split(".")[0]) for note in ready] == [
        ("Anna", "UWV en Belastingdienst"),
        ("Anna", "Pensioenoverzicht"),
        ("Bram", "UWV en Belastingdienst"),
        ("Bram", "Pensioenoverzicht"),
    ]
    underway = shown_page(review_of(content, ready=False)).notes
    assert [note.whose for note in underway] == ["Anna", "Bram"]


def test_every_finding_of_the_sources_has_a_sentence() -> None:
    """Each code that the merge and the connectors give is known here in both languages."""
    house = Path(connectors.__file__).parent.parent
    sources = [*(house / "connectors").rglob("*.py"), house / "broker" / "household.py"]
    source_text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    codes = set(re.findall(r'(?:code=|[^_]incomplete\()"([a-z-]+)"', source_text))
    codes |= {f"{part}-unavailable" for part in ("brk", "kadaster", "woz", "rdw", "incomes", "benefits")}
    codes |= {f"{part}-not-configured" for part in ("brk", "woz", "rdw")}
    assert len(codes) > 15
    known = {name.removeprefix("review.code.") for name in texts("nl") if name.startswith("review.code.")}
    assert codes - {"address"} <= known  # a doubt about an address is told as a doubt


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", get_args(FindingKind))
@pytest.mark.parametrize("full", [True, False])
def test_an_unknown_code_gets_a_sentence_of_its_kind(kind: str, full: bool, language: Language) -> None:
    """A plug-in may find what nobody here has heard of; its code never stands on the page."""
    told: dict[str, Any] = {"source": "plug-in", "person": "applicant", "text": "Zie brief."} if full else {}
    values = (FindingValue(source="plug-in", value="12.50"),) if full else ()
    finding = Finding(kind=kind, code="never.heard-of {it}", values=values, **told)  # type: ignore[arg-type]
    page = shown_page(review_of(content_of(filled(Address), findings=(finding,))), language)
    (note,) = page.notes
    assert note.text or kind == "remark"
    assert "never.heard" not in html_of(page, language)


def test_a_remark_stands_at_its_record() -> None:
    """In the citizen's own words, beside what it is about; it stays there when more was collected."""
    balance = filled(Balance, identifier="NL69ZAND5800471574")
    first = shown_page(review_of(content_of(balance)))
    pointer = next(e.remark for e in entries(first) if e.remark and "NL69" in e.remark.field)
    assert (pointer.person, pointer.source) == ("applicant", "MijnOverheid")
    more = (filled(Balance, identifier="NL02ABNA0123456789"), balance)
    found = replace(content_of(balance, findings=(remark(pointer.field, "is opgeheven"),)), possessions=more)
    (entry,) = [entry for entry in entries(shown_page(review_of(found))) if entry.questions]
    assert (entry.remark, entry.questions[0].lead) == (pointer, "Jouw opmerking:")
    assert entry.questions[0].text == "is opgeheven"


def test_a_remark_whose_record_is_gone_is_not_lost() -> None:
    """It goes along all the same, so it stands on the page."""
    page = shown_page(review_of(content_of(filled(Vehicle), findings=(remark("possession.vehicle[WEG]"),))))
    assert [note.text for note in page.notes] == ["klopt niet"]


def test_on_a_shared_phone_a_remark_is_its_owners() -> None:
    """What only the partner is concerned with is the partner's to remark on; what is of both the reader's."""
    things = (Vehicle(owners=THEIRS, plate="AA", sources=source()), Vehicle(owners=BOTH, plate="BB", sources=source()))
    content = couple(possessions=things, findings=(remark("possession.vehicle[AA]", who="partner"),))
    shown = {entry.title: entry for entry in entries(shown_page(review_of(content)))}
    assert [shown[plate].remark.person for plate in ("AA", "BB")] == ["partner", "applicant"]  # type: ignore[union-attr]
    assert shown["AA"].questions[0].lead == "Opmerking van je partner:"


def test_once_frozen_nothing_can_be_remarked() -> None:
    """After a consent the broker refuses remarks, so none is offered."""
    page = shown_page(review_of(content_of(filled(Vehicle)), frozen=True))
    assert not any(entry.remark for entry in entries(page))
    assert "<form" not in html_of(page)


def test_ids_are_there_once() -> None:
    """What is swapped keeps focus and open places by id: each is unique, also for records that look alike."""
    same = tuple(Benefit(person="applicant", scheme="WW", sources=source()) for _ in range(2))
    survivors = tuple(filled(SurvivorPension, person=who) for who in ("applicant", "partner"))
    html = html_of(shown_page(review_of(couple(incomes=same, pensions=survivors))))
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:for|aria-labelledby|aria-describedby)="([^"]*)"', html)) <= set(ids)


def test_ids_stay_when_more_is_collected() -> None:
    """What a person has unfolded stays unfolded when another source comes in."""
    income = filled(Employment)
    before = entries(shown_page(review_of(content_of(income))))
    richer = replace(content_of(income), incomes=(filled(Assessment), income), possessions=(filled(Vehicle),))
    assert {entry.id for entry in before} < {entry.id for entry in entries(shown_page(review_of(richer)))}


def test_hostile_text_is_text() -> None:
    """What a source or a person wrote cannot become part of the page."""
    hostile = '"><script>alert(1)</script><img src=x onerror=a> {{ 7*7 }} &amp; {t}'
    records = tuple(filled(Employment, employer=hostile, payroll_number=f"{hostile}{n}") for n in range(2))
    findings = (
        remark("nowhere", hostile),
        Finding(kind="source-note", code="source-remark", source=hostile, person="applicant", text=hostile),
        clash("income.benefit", hostile, (hostile, hostile), person="applicant", text=hostile),
    )
    content = replace(content_of(records[0], findings=findings), incomes=records)
    html = html_of(shown_page(review_of(content)))
    assert "<script" not in html
    assert "<img" not in html
    assert "{{ 7*7 }}" in html
    assert words_of(html).count("<script>alert(1)</script>") >= 4
