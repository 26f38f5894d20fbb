"""The pretend authority behind the seals: a root of its own, a certificate per site, and the sealing of a PDF.

Real seals lead to a root of the government; these lead to one made at the start and known to nobody else. Its keys
stay in memory, unless a path is given to keep them at.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter

from sandbox.downloads.file import Site

# The world's clock may stand anywhere: no certificate may begin or end because of that.
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
_ORGANISATION = "Zandbak (verzonnen)"
_ROOT = "Zandbak stamcertificaat (verzonnen)"
_FIELD = "Zegel"


class Pair:
    """A key with its certificate."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.key = key
        self.certificate = certificate


class Authority:
    """A root, an authority under it, and one sealing certificate per site, each made when first needed."""

    def __init__(self, root: Pair) -> None:
        self._root = root
        self._issuer = _issued(_name("Zandbak zegels (verzonnen)"), root, authority=True)
        self._sites: dict[Site, Pair] = {}

    @classmethod
    def made(cls) -> Authority:
        """A new one, with keys that are nowhere but in memory."""
        return cls(_self_signed(_name(_ROOT)))

    @classmethod
    def kept(cls, path: Path) -> Authority:
        """The one whose root (key and certificate, PEM) is kept at `path`; made and written there when there is none.

        What was sealed before a restart is trusted after it too.
        """
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(_pem(_self_signed(_name(_ROOT))))
        text = path.read_bytes()
        key = serialization.load_pem_private_key(text, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"the kept root has another kind of key: {path}")
        return cls(Pair(key, x509.load_pem_x509_certificate(text)))

    @property
    def root_pem(self) -> bytes:
        """The root certificate, for whom is to trust these seals."""
        return self._root.certificate.public_bytes(serialization.Encoding.PEM)

    def seal(self, content: bytes, site: Site) -> bytes:
        """`content`, a PDF, with the invisible seal of `site`: a PAdES signature, the chain in it without the root."""
        signer = self._signer(site)
        meta = signers.PdfSignatureMetadata(
            field_name=_FIELD, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, name=f"{site} (verzonnen)"
        )

        def sign() -> bytes:
            return signers.sign_pdf(IncrementalPdfFileWriter(BytesIO(content)), meta, signer).getvalue()

        # pyHanko runs an event loop for this, which no thread can that runs one already.
        with ThreadPoolExecutor(max_workers=1) as apart:
            return apart.submit(sign).result()

    def _signer(self, site: Site) -> signers.SimpleSigner:
        if site not in self._sites:
            subject = _name(f"Zegel {site} (verzonnen)", organisation(site))
            self._sites[site] = _issued(subject, self._issuer, authority=False)
        pair, between = self._sites[site], [self._issuer.certificate]
        bare = serialization.NoEncryption()
        bundle = pkcs12.serialize_key_and_certificates(None, pair.key, pair.certificate, between, bare)
        return signers.SimpleSigner.load_pkcs12_data(bundle, other_certs=[])


def organisation(site: Site) -> str:
    """Whom the seal of a site names."""
    return f"Nagemaakt: {site}"


def _self_signed(subject: x509.Name) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    return Pair(key, _certified(subject, key.public_key(), subject, key, authority=True))


def _issued(subject: x509.Name, issuer: Pair, *, authority: bool) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certified(subject, key.public_key(), issuer.certificate.subject, issuer.key, authority=authority)
    return Pair(key, certificate)


def _certified(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    """A certificate, to issue others with or to seal with (non-repudiation, as eIDAS has it for seals)."""
    signing = issuer_key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str, organisation: str = _ORGANISATION) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _pem(pair: Pair) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    key = pair.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return key + pair.certificate.public_bytes(serialization.Encoding.PEM)
