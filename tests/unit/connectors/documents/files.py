"""Files for the tests of documents, honest and hostile ones: all made here, none taken from a real person or source."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Literal

import msgspec
from asn1crypto import keys, x509
from cryptography import x509 as certificates
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fpdf import FPDF
from pyhanko.pdf_utils.generic import DictionaryObject, pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore
from pypdf import PdfReader, PdfWriter
from pypdf.actions import JavaScript

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SIGNER = "Verzonnen Uitvoerder"


def pdf(*lines: str, pages: int = 1) -> bytes:
    """An ordinary PDF: the lines on every page."""
    made = FPDF()
    made.set_font("helvetica", size=10)
    for _ in range(pages):
        made.add_page()
        for line in lines:
            made.cell(0, 5, line, new_x="LMARGIN", new_y="NEXT")
    return bytes(made.output())


def raw_pdf(objects: Iterable[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of objects written out by hand, numbered from 1; the first is the catalogue."""
    body = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets: list[int] = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(offsets) + 1, trailer)
    return bytes(body + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A stream object, as it is."""
    return b"<< /Length %d %s >>\nstream\n" % (len(content), entries) + content + b"\nendstream"


def one_page(contents: bytes, catalogue: bytes = b"", page: bytes = b"") -> bytes:
    """A PDF of one page with these contents (a whole stream object) and more in its catalogue or page."""
    return raw_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalogue,
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R %s"
            b" /Resources << /Font << /F1 5 0 R >> >> >>" % page,
            contents,
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
    )


def shown(text: bytes) -> bytes:
    """Contents of a page that show `text`."""
    return stream(b"BT /F1 10 Tf 50 700 Td (" + text + b") Tj ET")


def many_pages(number: int, count: int | None = None, depth: int = 1) -> bytes:
    """A PDF of `number` empty pages that says it has `count`, its tree `depth` lists deep."""
    between = [b"<< /Type /Pages /Kids [%d 0 R] /Count %d >>" % (3 + i, count or number) for i in range(depth - 1)]
    first = 2 + depth
    kids = b" ".join(b"%d 0 R" % (first + i) for i in range(number))
    return raw_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            *between,
            b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count or number),
            *(b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] >>" % (1 + depth) for _ in range(number)),
        ]
    )


@cache
def deflated_zeros(gigabytes: int) -> bytes:
    """So many gigabytes of spaces, deflated to a thousandth: the same packed megabyte again and again."""
    packing, megabyte, count = zlib.compressobj(9), b" " * 1_000_000, 1000 * gigabytes
    first, again = (packing.compress(megabyte) + packing.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    last = packing.flush()[:-4]
    return first + again * (count - 1) + last + _adler32(b" "[0], count * len(megabyte)).to_bytes(4, "big")


def _adler32(byte: int, count: int) -> int:
    """The checksum (RFC 1950) of one byte `count` times."""
    modulus = 65_521
    return (count + byte * count * (count + 1) // 2) % modulus << 16 | (1 + byte * count) % modulus


def locked(content: bytes, password: str) -> bytes:
    """The file, to be opened with the password; an empty one opens by itself and still forbids changing."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(content)))
    writer.encrypt(user_password=password, owner_password="eigenaar", algorithm="AES-256")
    return written(writer)


def with_script(content: bytes) -> bytes:
    """The file, with a script that runs when it is opened."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(content)))
    writer.add_open_action(JavaScript("app.alert('open')"))
    return written(writer)


def with_attachment(content: bytes) -> bytes:
    """The file, with another file in it."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(content)))
    writer.add_attachment("inside.exe", b"MZ")
    return written(writer)


def written(writer: PdfWriter) -> bytes:
    """What the writer holds, as a file."""
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


class Authority(msgspec.Struct, frozen=True):
    """A pretend authority: its root in PEM, and what signs in the name of an organisation."""

    pem: bytes
    signer: signers.SimpleSigner


KeyUse = Literal["content_commitment", "digital_signature", "key_encipherment"]


@cache
def authority(
    name: str = "Verzonnen CA",
    *,
    signer: str = SIGNER,
    days: int = 365,
    use: KeyUse = "content_commitment",
) -> Authority:
    """An authority and one certificate under it, good for `days` around NOW."""
    root_key, key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    root_name = _name(name)
    root = _certificate(root_name, root_name, root_key, root_key, days=3650, use=None)
    leaf = _certificate(_name(signer), root_name, key, root_key, days=days, use=use)
    store = SimpleCertificateStore()
    store.register_multiple([_loaded(root)])
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Authority(
        pem=root.public_bytes(Encoding.PEM),
        signer=signers.SimpleSigner(
            signing_cert=_loaded(leaf), signing_key=keys.PrivateKeyInfo.load(private), cert_registry=store
        ),
    )


def sealed(content: bytes, by: Authority | None = None, field: str = "Waarmerk", owner: str | None = None) -> bytes:
    """The file with a seal over all of it (PAdES); `owner` is the password of a locked one."""
    metadata = signers.PdfSignatureMetadata(
        field_name=field, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
    )
    signing = signers.PdfSigner(metadata, signer=(by or authority()).signer)
    writer = IncrementalPdfFileWriter(BytesIO(content))
    if owner is not None:
        writer.encrypt(owner)
    out = signing.sign_pdf(writer)
    return bytes(out.getbuffer())


def appended(content: bytes) -> bytes:
    """The file with a revision after it, as an editor would save it: another title, which no seal forbids."""
    writer = IncrementalPdfFileWriter(BytesIO(content))
    title = DictionaryObject({pdf_name("/Title"): pdf_string("Een andere titel")})
    writer.set_info(writer.add_object(title))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _name(organisation: str) -> certificates.Name:
    parts = (
        (certificates.NameOID.COUNTRY_NAME, "NL"),
        (certificates.NameOID.ORGANIZATION_NAME, organisation),
        (certificates.NameOID.COMMON_NAME, f"{organisation} (voorbeeld)"),
    )
    return certificates.Name([certificates.NameAttribute(kind, value) for kind, value in parts])


def _certificate(
    subject: certificates.Name,
    issuer: certificates.Name,
    key: rsa.RSAPrivateKey,
    issuer_key: rsa.RSAPrivateKey,
    *,
    days: int,
    use: KeyUse | None,
) -> certificates.Certificate:
    kinds = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = certificates.KeyUsage(
        **{kind: kind == use for kind in kinds},
        key_cert_sign=use is None,
        crl_sign=use is None,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        certificates.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(certificates.random_serial_number())
        .not_valid_before(NOW - timedelta(days=days))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(certificates.BasicConstraints(ca=use is None, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(certificates.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            certificates.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )


def _loaded(certificate: certificates.Certificate) -> x509.Certificate:
    return x509.Certificate.load(certificate.public_bytes(Encoding.DER))
