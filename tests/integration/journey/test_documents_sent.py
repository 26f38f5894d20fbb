"""Originals on their way: withheld or sealed, pulled as often as wanted, gone when acknowledged, never readable."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ophaalbrug_provider import Untrusted
from sandbox.answers import ApiError
from sandbox.personas import HOUSEHOLDS, canaries
from sandbox.residue import Search, all_files
from tests import stores
from tests.house import House
from tests.integration.journey.handing_over import broken, file_of, open_house
from tests.integration.journey.steps import eventually, refuse_data
from tests.stores import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")

_WORK, _PENSION = "uwv", "mijnpensioenoverzicht"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    """A house that takes documents of every source, while the file's tests run."""
    with stores.single(tmp_path_factory.mktemp("store")) as store:
        async with open_house(tmp_path_factory.mktemp("house"), store.url) as built:
            yield built


async def _sent(house: House, profile: str, source: str, content: bytes) -> tuple[str, dict[str, Any]]:
    """A session in which one document was handed over and consented to, whose payload arrived; and that payload."""
    created, _, phone = await house.linked(profile)
    await phone.upload("applicant", source, content)
    assert (await phone.consent("applicant", await phone.review())).sent
    payload = (await house.office.wait_for("data", created.id)).payload
    assert payload is not None
    return created.id, payload


@pytest.fixture
def by_hand(house: House) -> Any:
    """The back office fetches nothing by itself."""
    house.office.follows_links = False
    yield
    house.office.follows_links = True


@pytest.mark.usefixtures("by_hand")
async def test_a_document_is_pulled_until_it_is_acknowledged(house: House) -> None:
    """The same bytes every time; the webhook's 2xx alone ends nothing; afterwards nothing is left to pull."""
    session_id, payload = await _sent(house, "werk", _WORK, file_of("single", _WORK))
    [document] = payload["documents"]
    assert (document["number"], document["source"], document["person"]) == (1, _WORK, "applicant")
    assert (document["mediaType"], document["seal"]) == ("application/pdf", "valid")
    path = f"/v1/sessions/{session_id}/payload/documents/1"
    first, second = [await house.office.request("GET", path) for _ in range(2)]
    assert first == second
    for _ in range(2):
        assert await house.office.pull_document(session_id, document) == file_of("single", _WORK)
    assert (await house.office.read(session_id)).status == "consented"
    digest = (await house.office.pull_payload(session_id)).digest
    assert (await house.office.acknowledge(session_id, digest)).status == "delivered"
    with pytest.raises(ApiError, match="session-ended"):
        await house.office.pull_document(session_id, document)
    assert await house.parts.sessions.document(session_id, 1) is None
    receipt = await house.office.check_receipt(str((await house.office.receipts(session_id)).purge_receipt))
    assert receipt["destroyed"]["documents"] == 1


@pytest.mark.usefixtures("by_hand")
async def test_another_document_is_not_taken_for_this_one(house: House) -> None:
    """The digest in the signed payload says which bytes the broker sent; a number that is not there is not found."""
    session_id, payload = await _sent(house, "pensioen", _PENSION, file_of("single", _PENSION))
    with pytest.raises(Untrusted):
        await house.office.pull_document(session_id, {**payload["documents"][0], "digest": "0" * 64})
    for number in ("2", "0", "-1", "x"):
        with pytest.raises(ApiError, match=r"^404 not-found"):
            await house.office.request("GET", f"/v1/sessions/{session_id}/payload/documents/{number}")


async def test_the_back_office_fetches_and_acknowledges(house: House) -> None:
    """Also with the sealing of the government's module, and from who has no seal."""
    for profile in ("pensioen", "pensioen-nlgov"):
        session_id, payload = await _sent(house, profile, _PENSION, file_of("single", _PENSION, "application/xml"))
        assert [d["seal"] for d in payload["documents"]] == ["none"]
        await house.office.wait_for("delivered", session_id)
        assert house.office.documents == [file_of("single", _PENSION, "application/xml")]


async def test_before_consent_there_is_no_document(house: House) -> None:
    """Nor for another provider's caller, to whom the session does not exist."""
    created, _, phone = await house.linked("werk")
    await phone.upload("applicant", _WORK, file_of("single", _WORK))
    with pytest.raises(ApiError, match="wrong-state"):
        await house.office.request("GET", f"/v1/sessions/{created.id}/payload/documents/1")


async def test_an_original_with_a_bsn_stays_here_without_a_basis(house: House) -> None:
    """What it says is sent, with a finding that the original is withheld; with a basis it travels."""
    content = broken("single", _WORK, "with-bsn")
    for profile, travels in (("werk", False), ("werk-bsn", True)):
        _, payload = await _sent(house, profile, _WORK, content)
        withheld = [f for f in payload["findings"] if f["code"] == "document-withheld"]
        assert [(f["kind"], f["source"], f["person"]) for f in withheld] == (
            [] if travels else [("source-note", _WORK, "applicant")]
        )
        assert len(payload["documents"]) == travels
        assert payload["incomes"]


async def test_a_profile_that_wants_no_originals_gets_none(house: House) -> None:
    """Only what was read is sent, with the digest of the document it came from; nothing is called withheld."""
    created, _, phone = await house.linked("zonder")
    await phone.upload("applicant", _WORK, file_of("single", _WORK))
    names = (await house.parts.sessions.read(created.id)).session.records
    assert list(names) == [f"applicant/{_WORK}/document/1"]
    assert (await phone.consent("applicant", await phone.review())).sent
    payload = (await house.office.wait_for("data", created.id)).payload
    assert payload is not None
    assert payload["documents"] == []
    assert not [f for f in payload["findings"] if f["code"] == "document-withheld"]
    assert {o["documentDigest"] for i in payload["incomes"] for o in i["sources"]} != {None}


async def test_a_document_never_acknowledged_is_destroyed(house: House) -> None:
    """With the payload, at the deadline and when consent is taken back."""
    refuse_data(house)
    created, _, phone = await house.linked("werk")
    await phone.upload("applicant", _WORK, file_of("single", _WORK))
    await phone.consent("applicant", await phone.review())
    assert await house.parts.sessions.document(created.id, 1) is not None
    assert (await phone.withdraw()).reason == "withdrawn"
    assert await house.parts.sessions.document(created.id, 1) is None
    late, _, phone = await house.linked("werk")
    await phone.upload("applicant", _WORK, file_of("single", _WORK))
    await phone.consent("applicant", await phone.review())
    await house.pass_time(76 * 3600 + 1)

    async def over() -> bool:
        return (await house.office.read(late.id)).status == "undelivered"

    await eventually(over)
    assert await house.parts.sessions.document(late.id, 1) is None
    house.office.answer_kind, house.office.answer_with = None, []


class _Watched:
    """The files of a store, searched for what a document holds: its values, and its bytes as they are."""

    def __init__(self, store: Store, folder: Path, contents: list[bytes]) -> None:
        self._folder = folder
        self._planted = "Gezaaidekanarie4712"
        store.nodes[0].client.set("planted", self._planted)
        parts = [content[at : at + 48] for content in contents for at in (0, len(content) // 2)]
        self._forms = [form for part in parts for form in (part, part.hex().encode(), base64.b64encode(part))]

    def found(self) -> int:
        """How many traces of the documents there are in the files."""
        text = b"".join(path.read_bytes() for path in all_files(self._folder))
        values = Search(canaries(HOUSEHOLDS["single"]), self._planted).files("store", all_files(self._folder)).count
        return values + sum(form in text for form in self._forms)


async def test_the_store_never_holds_a_readable_document(tmp_path: Path) -> None:
    """From the upload to the purge, in the append-only file too; the same search finds one that is put there."""
    contents = [file_of("single", _WORK), file_of("single", _PENSION)]
    with stores.single(tmp_path) as store:
        world = tmp_path / "house"
        world.mkdir()
        watched = _Watched(store, tmp_path / "single", contents)
        async with open_house(world, store.url) as house:
            created, _, phone = await house.linked("werk")
            await phone.upload("applicant", _WORK, contents[0])
            await phone.upload("applicant", _PENSION, contents[1])
            assert watched.found() == 0
            await phone.consent("applicant", await phone.review())
            await house.office.wait_for("delivered", created.id)
            assert watched.found() == 0
        assert store.nodes[0].client.keys("*:documents:*") == []
        store.nodes[0].client.set("leak", contents[0])
        assert watched.found() > 0
