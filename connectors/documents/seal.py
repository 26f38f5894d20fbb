"""Whether a PDF is as the organisation that sealed it left it (PAdES; ISO 32000-1, 12.8). Asks no network anything.

No revocation lists are fetched: a certificate that was withdrawn before it ran out is not noticed (decision 22).
"""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from connectors.documents.exchange import Seal

# A seal of an organisation may be made with a key of either kind (ETSI EN 319 412-2, 4.3.2).
_KEY_USAGE = KeyUsageConstraints(key_usage={"non_repudiation", "digital_signature"}, match_all_key_usages=False)


def verdict(content: bytes, trust: tuple[bytes, ...], signers: tuple[str, ...], now: datetime) -> Seal:
    """`valid`: one seal, over every byte, leading to a certificate in `trust` (DER) that is good at `now`.

    `signers` are the organisations (O) the seal may name, any where there are none. `none` is for a file with no more
    than a time stamp. Whatever else has, or had, a seal is `invalid`, and so is what the library cannot read. Raises
    MemoryError only.
    """
    try:
        return _verdict(content, trust, signers, now)
    except MemoryError:
        raise
    except Exception:  # the library is made for honest files, and raises anything on others
        return "invalid"


def _verdict(content: bytes, trust: tuple[bytes, ...], signers: tuple[str, ...], now: datetime) -> Seal:
    reader = PdfFileReader(BytesIO(content))
    if reader.encrypted:
        reader.decrypt("")
    seals = reader.embedded_regular_signatures
    if not seals and reader.embedded_timestamp_signatures:
        return "none"
    # A second one was added after the first, which then does not cover all.
    return "valid" if len(seals) == 1 and _good(seals[0], trust, signers, now) else "invalid"


def _good(seal: EmbeddedPdfSignature, trust: tuple[bytes, ...], signers: tuple[str, ...], now: datetime) -> bool:
    roots = [root for der in trust for root in load_certs_from_pemder_data(der)]
    status = validate_pdf_signature(
        seal,
        ValidationContext(trust_roots=roots, moment=now, allow_fetching=False),
        key_usage_settings=_KEY_USAGE,
    )
    # What was appended after sealing leaves a seal intact, valid and trusted: only coverage tells.
    whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    named = not signers or status.signing_cert.subject.native.get("organization_name") in signers
    return status.bottom_line and whole and named
