"""One file as a site hands it out."""

from __future__ import annotations

from typing import Literal

import msgspec

Site = Literal["mijnpensioenoverzicht", "uwv", "belastingdienst", "mijnoverheid"]
MediaType = Literal["application/pdf", "application/json", "application/xml"]


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """A file: the site it comes from, and its name there."""

    source: Site
    name: str
    media_type: MediaType
    content: bytes
