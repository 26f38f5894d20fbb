"""The seals of the pretend downloads: good ones lead to the world's root and nowhere else, broken ones do not hold."""

from __future__ import annotations

import asyncio
import json
import stat
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import get_args

import pytest
from lxml import etree
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader

from sandbox import stage
from sandbox.downloads.authority import Authority, organisation
from sandbox.downloads.broken import Broken, broken_file
from sandbox.downloads.file import Download
from sandbox.downloads.shelf import downloads
from sandbox.personas import HOUSEHOLDS, Seat, by_user, seats
from tests.unit.sandbox.conftest import Visitor

TODAY = date(2026, 5, 3)
AUTHORITY = Authority.made()
PEOPLE = [seat for household in HOUSEHOLDS.values() for seat in seats(household) if seat.person.user]
MESSAGE = "Verzekeringsbericht.pdf"


def seat_of(user: str) -> Seat:
    """Who logs in under this name."""
    seat = by_user(user)
    assert seat is not None
    return seat


async def judged(content: bytes, authority: Authority = AUTHORITY) -> PdfSignatureStatus:
    """What pyHanko says of the one seal, trusting only this authority's root, with no network."""
    roots = list(load_certs_from_pemder_data(authority.root_pem))
    context = ValidationContext(trust_roots=roots, allow_fetching=False)
    (seal,) = PdfFileReader(BytesIO(content)).embedded_signatures
    return await async_validate_pdf_signature(seal, context)


def text(content: bytes) -> str:
    """All text of a PDF."""
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)


def message(how: Broken, user: str = "married-couple", name: str = MESSAGE) -> Download:
    """Somebody's message, broken."""
    found = broken_file(seat_of(user), name, how, authority=AUTHORITY, today=TODAY)
    assert found is not None
    return found


@pytest.mark.parametrize("seat", PEOPLE, ids=lambda seat: seat.person.user)
async def test_every_seal_holds_against_the_root_and_against_no_other(seat: Seat) -> None:
    """Each PDF of everybody: whole, trusted, covering the file; another root trusts none of it."""
    other = Authority.made()
    sealed = [file for file in downloads(seat, authority=AUTHORITY, today=TODAY) if file.name.endswith(".pdf")]
    for file in sealed:
        good = await judged(file.content)
        assert good.bottom_line
        assert good.coverage == SignatureCoverageLevel.ENTIRE_FILE
        subject = good.signing_cert.subject.native
        assert subject["common_name"] == f"Zegel {file.source} (verzonnen)"
        assert subject["organization_name"] == organisation(file.source)
        foreign = await judged(file.content, other)
        assert (foreign.intact, foreign.valid, foreign.trusted) == (True, True, False)


def test_a_seal_is_a_pades_signature_without_the_root_in_it() -> None:
    """Who trusts it must have the root already; the authority between travels along."""
    file = next(f for f in downloads(seat_of("single"), authority=AUTHORITY, today=TODAY) if f.source == "uwv")
    (seal,) = PdfFileReader(BytesIO(file.content)).embedded_signatures
    assert seal.sig_object["/SubFilter"] == SigSeedSubFilter.PADES.value
    names = [c.subject.native["common_name"] for c in seal.other_embedded_certs]
    assert names == ["Zandbak zegels (verzonnen)"]


@pytest.mark.parametrize("name", [MESSAGE, "inkomensverklaring-2025.pdf", "woz-beschikking-2026.pdf"])
async def test_a_changed_file_reads_differently_and_its_seal_is_broken(name: str) -> None:
    """One digit of one amount, in place."""
    good = next(f for f in downloads(seat_of("married-couple"), authority=AUTHORITY, today=TODAY) if f.name == name)
    bad = message("changed", name=name)
    differing = [(a, b) for a, b in zip(text(good.content), text(bad.content), strict=True) if a != b]
    assert len(differing) == 1
    assert all(digit.isdigit() for digit in differing[0])
    status = await judged(bad.content)
    assert (status.intact, status.bottom_line) == (False, False)


async def test_an_appended_revision_leaves_the_seal_intact_but_not_over_the_whole() -> None:
    """What was sealed is still as it was, and more is shown than that."""
    bad = message("appended")
    assert "Toegevoegd na het verzegelen: € 9.999,99" in text(bad.content)
    status = await judged(bad.content)
    assert status.intact
    assert status.coverage == SignatureCoverageLevel.ENTIRE_REVISION
    assert not status.bottom_line


async def test_another_authoritys_seal_is_intact_and_not_trusted() -> None:
    """It looks the same, and leads to a root nobody was told of."""
    status = await judged(message("other-ca").content)
    assert (status.intact, status.trusted) == (True, False)


async def test_another_organisations_seal_holds_and_names_that_organisation() -> None:
    """It leads to the root all the same: only its name tells that it is not of this site."""
    status = await judged(message("other-signer").content)
    assert status.bottom_line
    assert status.signing_cert.subject.native["organization_name"] == "Nagemaakt: mijnpensioenoverzicht"


def test_an_unsealed_file_says_the_same_and_has_no_seal() -> None:
    """The text is that of the sealed one."""
    bare = message("unsealed").content
    good = next(f for f in downloads(seat_of("married-couple"), authority=AUTHORITY, today=TODAY) if f.name == MESSAGE)
    assert PdfFileReader(BytesIO(bare)).embedded_signatures == []
    assert text(bare) == text(good.content)


@pytest.mark.parametrize(
    ("how", "there", "gone"),
    [
        ("with-bsn", "Burgerservicenummer: 999102965", "VZB-003"),
        ("other-version", "VZB-003", "VZB-006"),
        ("somebody-else", "VZB-006", "Dwarsligterink"),
    ],
)
async def test_files_that_are_sealed_well_can_still_be_wrong(how: Broken, there: str, gone: str) -> None:
    """A BSN, another version, another person: no seal tells."""
    file = message(how)
    assert there in text(file.content)
    assert gone not in text(file.content)
    assert (await judged(file.content)).bottom_line


@pytest.mark.parametrize("how", get_args(Broken))
def test_nobody_gets_a_broken_version_of_what_they_do_not_have(how: Broken) -> None:
    """A name without a file stays without one."""
    assert broken_file(seat_of("single"), "niets.pdf", how, authority=AUTHORITY, today=TODAY) is None


async def test_sealing_works_where_an_event_loop_runs() -> None:
    """The world serves from one."""
    assert asyncio.get_running_loop().is_running()
    (file, *_) = (f for f in downloads(seat_of("single"), authority=AUTHORITY, today=TODAY) if f.source == "uwv")
    assert (await judged(file.content)).bottom_line


async def test_a_kept_root_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """What was sealed before is trusted after; only the owner can read the key."""
    kept = tmp_path / "root.pem"
    before = Authority.kept(kept)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    after = Authority.kept(kept)
    assert after.root_pem == before.root_pem
    file = next(f for f in downloads(seat_of("single"), authority=before, today=TODAY) if f.source == "uwv")
    assert (await judged(file.content, after)).bottom_line
    assert b"PRIVATE" not in after.root_pem


def test_the_stage_gives_the_broker_the_root_and_keeps_the_key(tmp_path: Path) -> None:
    """The setting names a file with the certificate alone, every source, and whom each one's seal names."""
    authority = stage.seals(tmp_path)
    setting = json.loads(stage.taken(tmp_path))
    assert Path(setting["trust_file"]).read_bytes() == authority.root_pem
    assert [path.name for path in tmp_path.iterdir()] == ["seal-root.pem"]
    assert sorted(setting["sources"]) == ["belastingdienst", "mijnoverheid", "mijnpensioenoverzicht", "uwv"]
    assert setting["signers"] == {source: [organisation(source)] for source in setting["sources"]}


async def fetched(visitor: Visitor, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    async with visitor.browser.get(visitor.address + path) as answer:
        return answer.status, dict(answer.headers), await answer.read()


async def test_the_world_lists_everybodys_files_and_hands_each_out(visitor: Visitor) -> None:
    """Every link on the page leads to a file to save, of the kind its name says."""
    status, headers, body = await fetched(visitor, "/downloads")
    page = etree.HTML(body)
    links = [str(link.get("href")) for link in page.iterfind(".//ul//a")]
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert "alles hier is nagemaakt" in body.decode()
    assert all(f"<code>{seat.person.user}</code>" in body.decode() for seat in PEOPLE)
    kinds = {".pdf": "application/pdf", "json": "application/json", ".xml": "application/xml"}
    for link in [link for link in links if "/999102965/" in link or "/999369441/" in link]:
        status, headers, content = await fetched(visitor, link)
        assert status == 200
        assert headers["Content-Type"].split(";")[0] == kinds[link[-4:]]
        assert headers["Content-Disposition"] == f'attachment; filename="{link.rsplit("/", 1)[1]}"'
        assert content


@pytest.mark.parametrize(
    "path",
    [
        "/999102965/niets.pdf",
        "/999999990/Verzekeringsbericht.pdf",
        "/999102965/Verzekeringsbericht.pdf?broken=anders",
        "/999102965/pensioenaanspraken.xml?broken=changed",
    ],
)
async def test_what_there_is_not_is_not_found(visitor: Visitor, path: str) -> None:
    """An unknown name, person or way of breaking; and only PDFs have seals to break."""
    assert (await fetched(visitor, f"/downloads{path}"))[0] == 404


async def test_a_broken_version_is_a_parameter_away(visitor: Visitor) -> None:
    """So that a person can try it too."""
    _, _, body = await fetched(visitor, "/downloads/999102965/Verzekeringsbericht.pdf?broken=other-version")
    assert "VZB-003" in text(body)
