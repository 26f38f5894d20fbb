"""A pension overview handed over as a file: read as an answer is, and nothing else taken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Document, DocumentRefused, MediaType
from connectors.mijnpensioenoverzicht.download import read
from connectors.mijnpensioenoverzicht.parse import parse
from schemas.household import Name, Person
from schemas.records import SourceRecords

EMPTY = "<Pensioenaanspraken><StatusCode>000</StatusCode><Details/>{}</Pensioenaanspraken>"
TOTALS = {"OuderdomsPensioenTotalen": {"OuderdomsPensioenTotaal": [{"Pensioen": 4200}]}}
SPAN = {"Van": {"Leeftijd": {"Jaren": 67}}, "Tot": {"OuderdomsPensioenEvent": "Overlijden"}}
LINE = {"TeBereiken": 14400, "PensioenUitvoerder": "Fonds De Wind", "HerkenningsNummer": "W-1"}
DETAILS = {"OuderdomsPensioenDetails": {"OuderdomsPensioen": [{**SPAN, "Pensioen": [LINE]}]}}
OVERVIEW = {"StatusCode": "000", "Totalen": TOTALS, "Details": DETAILS}


def of_json(value: object) -> SourceRecords:
    return reading(json.dumps(value).encode())


def of_xml(holder: str = "") -> SourceRecords:
    return reading(EMPTY.format(holder).encode(), "application/xml")


def reading(content: bytes, media_type: MediaType = "application/json") -> SourceRecords:
    return read(Document(media_type=media_type, content=content))


def refusal(content: bytes, media_type: MediaType = "application/json") -> str:
    with pytest.raises(DocumentRefused) as refused:
        reading(content, media_type)
    return refused.value.reason


def test_a_download_is_read_as_an_answer_is() -> None:
    """The same pensions as over the interface; JSON names nobody."""
    body = json.dumps(OVERVIEW).encode()
    records = reading(body)
    assert records == parse(body, "application/json")
    assert (len(records.pensions), records.persons) == (1, ())


def test_what_the_overview_says_beside_pensions_comes_along() -> None:
    """Providers that failed are told, also when nothing else is there."""
    records = of_json({"StatusCode": "000", "Details": {}, "OntbrekendePuvsError": ["Fonds De Zee"]})
    assert [finding.code for finding in records.findings] == ["provider-did-not-answer"]


@pytest.mark.parametrize(
    ("holder", "persons"),
    [
        (
            "<Gegevens><Naam> P. de Wind </Naam><Geboortedatum>1971-06-05</Geboortedatum></Gegevens>",
            (Person(id="self", name=Name(full="P. de Wind"), birth_date="1971-06-05"),),
        ),
        ("<Gegevens><Naam>P. de Wind</Naam></Gegevens>", (Person(id="self", name=Name(full="P. de Wind")),)),
        (
            "<Gegevens><Geboortedatum>1971-06-05</Geboortedatum></Gegevens>",
            (Person(id="self", birth_date="1971-06-05"),),
        ),
        ("<Gegevens><Geboortedatum>1971-06</Geboortedatum></Gegevens>", (Person(id="self", birth_date="1971-06"),)),
        ("<Gegevens><Geboortedatum>1971</Geboortedatum></Gegevens>", (Person(id="self", birth_date="1971"),)),
        ("<Gegevens><LevensSituatie>Alleenstaand</LevensSituatie></Gegevens>", ()),
        ("<Gegevens><Naam/><Geboortedatum/></Gegevens>", ()),
        ("<Gegevens/>", ()),
        ("<Gegevens><Naam><Voornaam>P.</Voornaam></Naam></Gegevens>", ()),
        ("<Gegevens><Naam>P.</Naam></Gegevens><Gegevens><Naam>Q.</Naam></Gegevens>", ()),
        ("", ()),
    ],
)
def test_an_xml_may_name_its_holder(holder: str, persons: tuple[Person, ...]) -> None:
    """Name and birth date of the one it is about; two holders are none."""
    assert of_xml(holder) == SourceRecords(persons=persons)


def test_a_json_that_names_its_holder_is_read_too() -> None:
    """The same model: what XML may have, JSON may."""
    holder = {"Naam": "P. de Wind", "Geboortedatum": "1971-06-05T00:00:00"}
    assert of_json({**OVERVIEW, "Gegevens": holder}).persons == (
        Person(id="self", name=Name(full="P. de Wind"), birth_date="1971-06-05"),
    )
    assert of_json({**OVERVIEW, "Gegevens": {"Naam": "", "Geboortedatum": 1971}}).persons == ()


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        [OVERVIEW],
        "StatusCode",
        None,
        {"StatusCode": "000"},
        {"Details": DETAILS},
        {"Totalen": TOTALS},
        {"statusCode": "000", "details": {}},
    ],
)
def test_other_files_are_refused(value: object) -> None:
    """Any JSON may have a status: without details or totals it is no overview, and never 'no pensions'."""
    assert refusal(json.dumps(value).encode()) == "other-document"


def test_other_xml_and_pdf_are_refused() -> None:
    """By the root's name; a PDF of the overview has no layout anybody describes."""
    assert (
        refusal(b"<Pensioen><StatusCode>000</StatusCode><Details/></Pensioen>", "application/xml") == "other-document"
    )
    assert refusal(b"<Pensioenaanspraken/>", "application/xml") == "other-document"
    assert refusal(b"%PDF-1.7", "application/pdf") == "other-document"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"StatusCode": "000", "Details": {}',
        b"\xff\xfe{}",
        b"[" * 5000,
        b'{"StatusCode": "999", "Details": {}}',
        b'{"StatusCode": "000", "Details": {"OuderdomsPensioenDetails": 3}}',
        b'{"StatusCode": "000", "Details": {}, "Gegevens": {"Geboortedatum": "5 juni 1971"}}',
        json.dumps({**OVERVIEW, "Details": None}).encode(),
        json.dumps({**OVERVIEW, "Details": {}}).encode(),
        json.dumps({"StatusCode": "000", "Totalen": TOTALS}).encode(),
        b'{"StatusCode": "000", "Details": {}, "Totalen": 0}',
    ],
)
def test_an_overview_that_cannot_be_read_is_damaged(content: bytes) -> None:
    """Cut off, failed, of another shape, or with totals of pensions that are not there."""
    assert refusal(content) == "damaged"


@pytest.mark.parametrize("content", [b"<Pensioenaanspraken>", b"<!DOCTYPE a><Pensioenaanspraken/>", b"{}", b""])
def test_xml_that_cannot_be_read_is_damaged(content: bytes) -> None:
    """Cut off, with a DOCTYPE, or none at all."""
    assert refusal(content, "application/xml") == "damaged"


@pytest.mark.parametrize("totals", [None, {}, [], {"OuderdomsPensioenTotalen": {"OuderdomsPensioenTotaal": []}}])
def test_totals_of_nothing_are_no_pensions(totals: object) -> None:
    """An overview of somebody without a pension is an answer."""
    assert of_json({"StatusCode": "000", "Details": {}, "Totalen": totals}) == SourceRecords()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from([*OVERVIEW, "Gegevens", "Naam"]) | st.text(), inner)
        ),
    )
)
def test_odd_values_are_refused_or_read(value: object) -> None:
    """Whatever JSON stands in the place of a part: nothing but a refusal comes out as an error."""
    for part in (*OVERVIEW, "Gegevens"):
        try:
            records = of_json({**OVERVIEW, part: value})
        except DocumentRefused as refused:
            reason = refused.reason
        else:
            reason = "read" if records.pensions else "empty"
        assert reason != "empty"
