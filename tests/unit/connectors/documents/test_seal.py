"""Seals, made here by an authority of our own and judged by ours."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.documents.pdf import has_seal
from connectors.documents.seal import verdict
from tests.unit.connectors.documents.files import (
    NOW,
    SIGNER,
    Authority,
    appended,
    authority,
    locked,
    pdf,
    sealed,
)

BASE = pdf("Loon 3.250,00")


def judged(content: bytes, *trusted: Authority, signer: str | None = None, now: datetime = NOW) -> str:
    """The verdict, by default with the ordinary authority as the only one trusted."""
    return verdict(content, tuple(root(by) for by in trusted or (authority(),)), signer, now)


def root(by: Authority) -> bytes:
    """Its root certificate in DER."""
    return x509.load_pem_x509_certificate(by.pem).public_bytes(Encoding.DER)


def test_a_seal_over_the_whole_file_by_a_trusted_authority_is_valid() -> None:
    """Also when other authorities are trusted besides."""
    assert judged(sealed(BASE)) == "valid"
    assert judged(sealed(BASE), authority("Andere CA"), authority()) == "valid"


def test_a_seal_by_another_authority_is_invalid() -> None:
    """However sound its certificate is; a root of the same name is not the same root."""
    assert judged(sealed(BASE), authority("Andere CA")) == "invalid"
    assert judged(sealed(BASE), authority(days=364)) == "invalid"


def test_every_changed_byte_shows() -> None:
    """At the beginning, in what is written, in the seal's own signature, and at the very end."""
    content = sealed(BASE)
    seal = re.search(rb"/Contents\s*<([0-9A-Fa-f]+?)0*>", content)
    assert seal is not None
    for place in (20, content.index(b"/Producer") + 1, content.rindex(b"%%EOF") + 1):
        assert judged(with_byte(content, place, content[place] ^ 1)) == "invalid"
    last = seal.end(1) - 20
    assert judged(with_byte(content, last, ord("1" if content[last] == ord("0") else "0"))) == "invalid"


def with_byte(content: bytes, place: int, value: int) -> bytes:
    """The file with another byte at one place."""
    return content[:place] + bytes([value]) + content[place + 1 :]


def test_anything_after_the_seal_makes_it_invalid() -> None:
    """Another revision, which the library calls intact, valid and trusted; a second seal; a few bytes; a cut."""
    content = sealed(BASE)
    assert judged(appended(content)) == "invalid"
    assert judged(sealed(content, field="Tweede")) == "invalid"
    assert judged(content + b"\n% x\n") == "invalid"
    assert judged(content[:-20]) == "invalid"


def test_a_revision_before_the_seal_is_sealed_with_the_rest() -> None:
    """What counts is what came after."""
    assert judged(sealed(appended(BASE))) == "valid"


def test_a_certificate_counts_while_it_is_good() -> None:
    """Judged at the moment of reading: not before it began, nor after it ran out."""
    content = sealed(BASE, authority(days=30))
    trusted = authority(days=30)
    assert judged(content, trusted, now=NOW + timedelta(days=29)) == "valid"
    assert judged(content, trusted, now=NOW + timedelta(days=31)) == "invalid"
    assert judged(content, trusted, now=NOW - timedelta(days=31)) == "invalid"


def test_only_the_organisation_that_is_named_counts() -> None:
    """One authority serves many: somebody else's sound seal is not this source's."""
    assert judged(sealed(BASE), signer=SIGNER) == "valid"
    assert judged(sealed(BASE), signer="Iemand Anders") == "invalid"
    assert judged(sealed(BASE), signer=SIGNER.lower()) == "invalid"


@pytest.mark.parametrize(("use", "expected"), [("digital_signature", "valid"), ("key_encipherment", "invalid")])
def test_the_key_must_be_one_to_sign_with(use: str, expected: str) -> None:
    """A key for signatures or for commitments may seal; one for encryption may not."""
    by = authority("CA voor gebruik", use=use)  # type: ignore[arg-type]
    assert judged(sealed(BASE, by), by) == expected


def test_a_certificate_itself_may_be_trusted() -> None:
    """The narrowest trust there is: that of one signer, whoever else his authority serves."""
    leaf = authority().signer.signing_cert
    assert leaf is not None
    assert verdict(sealed(BASE), (leaf.dump(),), None, NOW) == "valid"
    assert verdict(sealed(BASE, authority("Andere CA")), (leaf.dump(),), None, NOW) == "invalid"


def test_a_file_without_a_seal_has_none() -> None:
    """Seen without the library that judges seals, which takes long to load."""
    assert not has_seal(BASE)
    assert has_seal(sealed(BASE))


def test_a_seal_that_was_removed_is_not_a_file_without_one() -> None:
    """Bytes of a seal that no field leads to any more: taken away by a later revision, or never more than show."""
    assert judged(BASE.replace(b"/Producer", b"/ByteRange [0 1 2 3] /Producer")) == "invalid"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7 /ByteRange", sealed(BASE)[:3000]])
def test_what_the_library_cannot_read_is_invalid(content: bytes) -> None:
    """No exception comes out, whatever goes in."""
    assert judged(content) == "invalid"


def test_a_locked_file_that_opens_by_itself_can_be_sealed() -> None:
    """A source may forbid printing and seal the result; the seal is judged all the same."""
    content = sealed(locked(BASE, ""), owner="eigenaar")
    assert judged(content) == "valid"
    assert judged(content + b"%") == "invalid"
