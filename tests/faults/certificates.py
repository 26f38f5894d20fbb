"""Certificates for a receiver of webhooks: one that can be trusted, and those that cannot, each for one reason.

The broker of the scene trusts the authority made here: what is refused is refused for what is wrong with it.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.lines import HOST

_YEAR = timedelta(days=365)


class Certificates:
    """An authority, and what it gave out; the files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Vertrouwde instantie")
        made = _built(self._name, self._name, self._key.public_key(), datetime.now(UTC) - _YEAR)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._authority = made.sign(self._key, hashes.SHA256())
        (folder / "authority.pem").write_bytes(self._authority.public_bytes(serialization.Encoding.PEM))

    @property
    def trusted(self) -> Mapping[str, str]:
        """What makes a process trust this authority and no other (SSL_CERT_FILE, OpenSSL)."""
        return {"SSL_CERT_FILE": str(self._folder / "authority.pem")}

    def good(self) -> ssl.SSLContext:
        """A receiver that can be trusted."""
        return self._shown(datetime.now(UTC) - _YEAR, HOST)

    def bad(self, name: str) -> ssl.SSLContext | None:
        """One that cannot: `self-signed`, `expired`, `another name's`; None for one that knows no TLS."""
        match name:
            case "self-signed":
                return self._shown(datetime.now(UTC) - _YEAR, HOST, alone=True)
            case "expired":
                return self._shown(datetime.now(UTC) - 4 * _YEAR, HOST)
            case "another name's":
                return self._shown(datetime.now(UTC) - _YEAR, "127.0.0.2")
            case _:
                return None

    def _shown(self, since: datetime, address: str, *, alone: bool = False) -> ssl.SSLContext:
        key, name = ec.generate_private_key(ec.SECP256R1()), _named("Ontvanger")
        made = _built(name, name if alone else self._name, key.public_key(), since)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = made.add_extension(names, critical=False).sign(key if alone else self._key, hashes.SHA256())
        file = self._folder / "receiver.pem"
        pem = serialization.Encoding.PEM
        plain = serialization.NoEncryption()
        key_text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        file.write_bytes(key_text + certificate.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _built(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, since: datetime
) -> x509.CertificateBuilder:
    """Good for two years."""
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + 2 * _YEAR)
    )
