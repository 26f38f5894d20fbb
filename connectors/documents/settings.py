"""What a host sets about the files it takes: whose downloads, how much of everything, and which seals count."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Meta

from schemas.base import Inbound


class DocumentSettings(Inbound, frozen=True, kw_only=True, rename=None):
    """`[uploads]`: the citizen's own downloads as a way in.

    A file may take `cpu_seconds` of processor time (loading our own code not counted), `wall_seconds` on the clock, and
    as long again to wait for its turn; the process that reads it may hold `memory_bytes`.
    """

    sources: tuple[str, ...] = ()  # the ids of the sources whose downloads are taken
    trust_file: str | None = None  # PEM: certificates a seal must lead to; without it no seal is judged
    # By source: the organisations (O) a seal may name; any, where there are none.
    signers: dict[str, tuple[str, ...]] = {}
    max_bytes: Annotated[int, Meta(gt=0)] = 10_000_000
    max_pages: Annotated[int, Meta(gt=0)] = 200
    processes: Annotated[int, Meta(gt=0)] = 2  # files read at a time by one server process
    cpu_seconds: Annotated[float, Meta(gt=0)] = 0.6
    wall_seconds: Annotated[float, Meta(gt=0)] = 15.0
    memory_bytes: Annotated[int, Meta(ge=200_000_000)] = 512_000_000


def trusted(trust_file: str | None) -> tuple[bytes, ...]:
    """The certificates of `trust_file`, as DER; none without a file. Raises ValueError when it holds none."""
    if trust_file is None:
        return ()
    try:
        certificates = x509.load_pem_x509_certificates(Path(trust_file).read_bytes())
    except (OSError, ValueError):
        raise ValueError("[uploads] trust_file is no readable file with certificates in PEM") from None
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates)
