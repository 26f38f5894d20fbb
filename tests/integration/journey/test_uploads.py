"""Documents handed over on the phone: who may, whom they may be about, what is refused, and that moments do not mix."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from broker.parts import running
from broker.settings import SettingsError, load
from connectors.documents import DocumentReader, Reading, process, reader
from sandbox.answers import ApiError
from sandbox.citizen import log_in
from sandbox.phone import Phone, PhoneView, proof
from tests import stores
from tests.house import House
from tests.integration.journey.handing_over import broken, file_of, open_house, private_house
from tests.integration.journey.steps import new_jar, own_phone, refused, tried
from tests.stores import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")

_WORK, _PENSION = "uwv", "mijnpensioenoverzicht"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    """A house that takes documents of every source, and asks every source, while the file's tests run."""
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with open_house(tmp_path_factory.mktemp("house"), store.url, max_bytes=2_000_000) as built:
            yield built


async def test_an_applicant_without_any_login_goes_the_whole_way(tmp_path: Path, single_store: Store) -> None:
    """A private host has no login and asks no source: two documents, a review, a consent that says so, delivery."""
    async with private_house(tmp_path, single_store.url) as house:
        created, _, phone = await house.linked("werk")
        first = (await phone.session()).persons["applicant"]
        assert (first.here, [source.transports for source in first.sources]) == (False, [("upload",), ("upload",)])
        view = await phone.upload("applicant", _WORK, file_of("single", _WORK))
        source = view.persons["applicant"].source(_WORK)
        assert (source.status, source.transport, source.documents, source.gaps) == ("collected", "upload", 1, ())
        assert (view.persons["applicant"].here, view.ready, view.partial) == (True, True, False)
        await phone.upload("applicant", _PENSION, file_of("single", _PENSION))
        review = await phone.review()
        assert [(d["source"], d["person"], d["seal"]) for d in review.content["documents"]] == [
            (_WORK, "applicant", "valid"),
            (_PENSION, "applicant", "none"),
        ]
        given = (await phone.consent("applicant", review)).receipt.receipt
        assert (given.identification, given.authenticated_at) == ("none", None)
        received = await house.office.wait_for("data", created.id)
        assert received.payload is not None
        told = [origin for income in received.payload["incomes"] for origin in income["sources"]]
        assert {(one["transport"], one["seal"]) for one in told} == {("upload", "valid")}
        await house.office.wait_for("delivered", created.id)
        assert house.office.documents == [file_of("single", _WORK), file_of("single", _PENSION)]


async def test_a_couple_mixes_logins_and_documents(house: House) -> None:
    """The applicant hands over and logs in, the partner on an own phone hands over; each consents on their own."""
    created, _, phone = await house.linked("werk", household="couple")
    partner = await own_phone(house, phone)
    await phone.upload("applicant", _WORK, file_of("married-couple", _WORK))
    assert (await tried(phone, "applicant", _PENSION, "married-couple")).transport == "api"
    await partner.upload("partner", _WORK, file_of("married-couple-partner", _WORK))
    seen = await phone.review()
    assert {document["person"] for document in seen.content["documents"]} == {"applicant"}
    assert seen.counts["partner"]["documents"] == 1
    mine = await phone.consent("applicant", seen)
    theirs = await partner.consent("partner", await partner.review())
    assert (mine.receipt.receipt.identification, theirs.receipt.receipt.identification) == ("login", "none")
    payload = (await house.office.wait_for("data", created.id)).payload
    assert payload is not None
    assert [document["person"] for document in payload["documents"]] == ["applicant", "partner"]
    assert {income["person"] for income in payload["incomes"]} == {"applicant", "partner"}
    await house.office.wait_for("delivered", created.id)


async def test_on_a_shared_phone_a_partner_logs_in_first(house: House) -> None:
    """Refused before any of the file is read; after the login it is taken, and so is the consent."""
    _, _, phone = await house.linked("werk", household="couple")
    await phone.upload("applicant", _WORK, file_of("married-couple", _WORK))
    with refused("consent-needs-login"):
        await phone.upload("partner", _WORK, b"not even a document")
    await tried(phone, "partner", _PENSION, "married-couple-partner")
    await phone.upload("partner", _WORK, file_of("married-couple-partner", _WORK))
    assert not (await phone.consent("partner", await phone.review())).sent
    assert (await phone.consent("applicant", await phone.review())).sent


async def test_only_who_may_act_hands_over(house: House) -> None:
    """Not for the partner from the first phone, nor for the applicant from the partner's, nor for nobody."""
    _, _, phone = await house.linked("werk", household="couple")
    partner = await own_phone(house, phone)
    with refused("not-your-part"):
        await phone.upload("partner", _WORK, b"x")
    with refused("not-your-part"):
        await partner.upload("applicant", _WORK, b"x")
    with refused("unknown-source"):
        await phone.upload("applicant", "belastingdienst", b"x")


async def test_a_document_about_somebody_else_is_refused(house: House) -> None:
    """By the BSN it names when a login told this person's, and by a birth date that differs; nothing of it is kept."""
    _, _, phone = await house.linked("werk")
    await tried(phone, "applicant", _PENSION, "pensioner")
    with refused("document-wrong-person"):
        await phone.upload("applicant", _WORK, broken("single", _WORK, "with-bsn"))
    _, _, other = await house.linked("werk")
    await other.upload("applicant", _PENSION, file_of("single", _PENSION, "application/xml"))
    with refused("document-wrong-person"):
        await other.upload("applicant", _WORK, broken("single", _WORK, "somebody-else"))
    for one in (phone, other):
        source = (await one.session()).persons["applicant"].source(_WORK)
        assert (source.status, source.documents) == ("todo", 0)
        assert not any(d["source"] == _WORK for d in (await one.review()).content.get("documents", []))


async def test_somebody_else_cannot_log_in_after_a_document(house: House) -> None:
    """Who logs in must be the one the document named by BSN."""
    _, _, phone = await house.linked("werk-bsn")
    await phone.upload("applicant", _WORK, broken("single", _WORK, "with-bsn"))
    await phone.take_back("applicant", _WORK)
    assert (await tried(phone, "applicant", _WORK, "pensioner")).status == "collected"
    _, _, other = await house.linked("werk")
    await other.upload("applicant", _WORK, broken("single", _WORK, "with-bsn"))
    assert (await tried(other, "applicant", _PENSION, "pensioner")).failure == "wrong-person"
    assert (await tried(other, "applicant", _PENSION, "single")).status == "collected"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04 a zip", "document-not-supported"),
        (b"", "document-not-supported"),
        (b"{}", "document-not-supported"),
        (b"%PDF-1.7 and then nothing", "document-damaged"),
        (b"%PDF-1.7\n" + bytes(3_000_000), "document-too-large"),
    ],
)
async def test_an_unusable_file_is_refused_with_a_reason(house: House, content: bytes, code: str) -> None:
    """Each with its own sentence, and the source stays to do; a file may be larger than any other body."""
    _, _, phone = await house.linked("werk")
    with refused(code):
        await phone.upload("applicant", _WORK, content)
    assert (await phone.session()).persons["applicant"].source(_WORK).status == "todo"


async def test_a_version_or_document_we_do_not_know_is_refused(house: House) -> None:
    """A Verzekeringsbericht of another version, and a letter of another site."""
    _, _, phone = await house.linked("werk")
    with refused("document-version"):
        await phone.upload("applicant", _WORK, broken("single", _WORK, "other-version"))
    with refused("document-other-document"):
        await phone.upload("applicant", _WORK, file_of("single", "belastingdienst"))


async def test_a_host_takes_what_it_says_it_takes(tmp_path: Path, single_store: Store) -> None:
    """`uploads-off` where a source is only asked, and before a byte is read where a body is large."""
    async with open_house(tmp_path, single_store.url, sources=[_PENSION]) as house:
        _, _, phone = await house.linked("werk")
        view = (await phone.session()).persons["applicant"]
        assert {s.id: s.transports for s in view.sources} == {_WORK: ("api",), _PENSION: ("api", "upload")}
        with refused("uploads-off"):
            await phone.upload("applicant", _WORK, file_of("single", _WORK))


async def test_a_proof_is_needed_here_too(house: House) -> None:
    """A document without the phone's key is refused like any other request."""
    _, _, phone = await house.linked("werk")
    with refused("invalid-proof"):
        await phone.request(
            "POST", f"/persons/applicant/sources/{_WORK}/upload", b"x", proof_overrides={"htm": "DELETE"}
        )


async def test_the_same_document_twice_counts_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other and at the same moment; other documents of the source are added, four at most."""
    _, _, phone = await house.linked("werk")
    content = file_of("single", _WORK)
    with monkeypatch.context() as each:  # three processes that read it side by side
        each.setattr(reader, "ask", process.ask)
        await asyncio.gather(*(phone.upload("applicant", _WORK, content) for _ in range(3)))
    view = await phone.upload("applicant", _WORK, content)
    assert view.persons["applicant"].source(_WORK).documents == 1
    more = [broken("single", _WORK, how) for how in ("unsealed", "changed", "other-ca", "appended")]
    results = await asyncio.gather(*(phone.upload("applicant", _WORK, one) for one in more), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["ApiError", *["PhoneView"] * 3]
    [too_many] = [result for result in results if isinstance(result, ApiError)]
    assert too_many.code == "too-many-documents"
    assert (await phone.session()).persons["applicant"].source(_WORK).documents == 4
    review = await phone.review()
    assert len(review.content["incomes"]) == 1  # the same job in every document
    assert [d["number"] for d in review.content["documents"]] == [1, 2, 3, 4]


async def test_documents_are_taken_back(house: House) -> None:
    """They leave no trace in review and vault, and the source can be collected in another way."""
    created, _, phone = await house.linked("werk")
    before = await phone.review()
    await phone.upload("applicant", _WORK, file_of("single", _WORK))
    view = await phone.take_back("applicant", _WORK)
    assert view.persons["applicant"].source(_WORK).status == "todo"
    assert (await phone.review()).content == before.content
    opened = await house.parts.sessions.read(created.id)
    assert opened.session.records == {}
    assert await house.parts.sessions.vault(created.id, [f"applicant/{_WORK}/document/1"]) == {}
    with refused("wrong-state"):
        await phone.take_back("applicant", _WORK)
    assert (await tried(phone, "applicant", _WORK, "single")).transport == "api"
    with refused("wrong-state"):
        await phone.upload("applicant", _WORK, file_of("single", _WORK))


async def test_an_upload_that_breaks_off_stores_nothing(house: House) -> None:
    """A phone that goes away in the middle of a file leaves no lease and no half document."""
    created, _, phone = await house.linked("werk")
    await phone.session()
    before = await house.parts.sessions.read(created.id)
    with pytest.raises(aiohttp.ClientError):
        await _half_sent(house, phone)
    assert (await house.parts.sessions.read(created.id)).session == before.session
    await phone.upload("applicant", _WORK, file_of("single", _WORK))


async def _half_sent(house: House, phone: Phone) -> None:
    path = f"/phone/v1/persons/applicant/sources/{_WORK}/upload"
    nonce = phone._nonce  # pyright: ignore[reportPrivateUsage] - what the last answer gave
    signed = proof(phone.key, "POST", house.url + path, now=house.now(), nonce=nonce, token=phone.token)
    headers = {"DPoP": signed, "Authorization": f"DPoP {phone.token}", "Content-Length": "10000"}

    async def half() -> AsyncIterator[bytes]:
        yield file_of("single", _WORK)[:5000]
        raise aiohttp.ClientConnectionError

    async with aiohttp.ClientSession() as http:
        await http.post(house.url + path, data=half(), headers=headers)


class _Gate:
    """Readings that are held until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = asyncio.Event()
        self.open = asyncio.Event()
        whole, gate = DocumentReader.read, self

        async def held(self: DocumentReader, source: str, content: bytes, now: datetime) -> Reading:
            reading = await whole(self, source, content, now)
            gate.read.set()
            await gate.open.wait()
            return reading

        monkeypatch.setattr(DocumentReader, "read", held)


async def _overtaken(phone: Phone, gate: _Gate, source: str, content: bytes) -> asyncio.Task[PhoneView]:
    """An upload whose document is read, and not kept yet."""
    task = asyncio.create_task(phone.upload("applicant", source, content))
    await gate.read.wait()
    return task


async def test_a_consent_overtakes_a_document_that_is_being_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document is refused: what was consented to stays as it was shown."""
    _, _, phone = await house.linked("werk", household="couple")
    partner = await own_phone(house, phone)
    await phone.upload("applicant", _WORK, file_of("married-couple", _WORK))
    await partner.upload("partner", _WORK, file_of("married-couple-partner", _WORK))
    gate = _Gate(monkeypatch)
    late = await _overtaken(phone, gate, _PENSION, file_of("married-couple", _PENSION))
    review = await partner.review()
    await partner.consent("partner", review)
    gate.open.set()
    with refused("frozen"):
        await late
    assert (await partner.review()).digest == review.digest


async def test_a_document_overtakes_a_consent(house: House) -> None:
    """Added after the review was shown: the consent is refused, and given to what there is now."""
    _, _, phone = await house.linked("werk")
    await phone.upload("applicant", _WORK, file_of("single", _WORK))
    review = await phone.review()
    await phone.upload("applicant", _PENSION, file_of("single", _PENSION))
    with refused("review-changed"):
        await phone.consent("applicant", review)
    assert (await phone.consent("applicant", await phone.review())).sent


async def test_a_login_overtakes_a_document_that_is_being_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who the login proved is not whom the document is about: it is refused when it comes to be kept."""
    _, _, phone = await house.linked("werk")
    gate = _Gate(monkeypatch)
    late = await _overtaken(phone, gate, _WORK, broken("single", _WORK, "with-bsn"))
    await tried(phone, "applicant", _PENSION, "pensioner")
    gate.open.set()
    with refused("document-wrong-person"):
        await late


async def test_a_stop_overtakes_a_document_that_is_being_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is put into a vault that is gone."""
    created, _, phone = await house.linked("werk")
    gate = _Gate(monkeypatch)
    late = await _overtaken(phone, gate, _WORK, file_of("single", _WORK))
    await phone.stop()
    gate.open.set()
    with refused("session-ended"):
        await late
    assert await house.parts.sessions.vault(created.id, [f"applicant/{_WORK}/document/1"]) == {}


async def test_a_document_gives_up_a_login_that_was_left(house: House) -> None:
    """The login that comes back afterwards is not known any more."""
    _, _, phone = await house.linked("werk")
    url = await phone.login("applicant", _WORK)
    assert url is not None
    back = await log_in(url, "single", jar=new_jar())
    await phone.upload("applicant", _WORK, file_of("single", _WORK))
    with refused("login-unknown"):
        await phone.callback(back.state, code=back.code)


@pytest.mark.parametrize(
    ("uploads", "reason"),
    [
        ('{"sources": ["uwv", "duo"]}', "no download of duo can be read"),
        ('{"sources": ["uwv"], "trust_file": "nowhere.pem"}', "trust_file"),
    ],
)
async def test_a_host_cannot_promise_what_nobody_reads(
    tmp_path: Path, single_store: Store, uploads: str, reason: str
) -> None:
    """A source without downloads, one that nobody knows, and roots that are not there: the broker does not start."""
    settings = load({"OPHAALBRUG_UPLOADS": uploads, "OPHAALBRUG_DATA_DIR": str(tmp_path)}, _empty(tmp_path))
    with pytest.raises(SettingsError, match=reason):
        async with running(settings, single_store.url):
            pass


def _empty(folder: Path) -> Path:
    file = folder / "ophaalbrug.toml"
    file.touch()
    return file
