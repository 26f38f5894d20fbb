"""What an author records: exchanges with a source, and cases made of them. Shapes only; nothing is judged here.

A recording holds invented people only: test BSNs from the 999 range, and an answer in the source's own format.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from connectors.contract import Absent, FailureKind, Field, Found, Outcome, Skipped

Expected = Literal["found", "absent", "skipped"] | FailureKind

_CONTENT_TYPES = {".json": "application/json", ".xml": "text/xml; charset=utf-8"}


class Exchange(msgspec.Struct, frozen=True):
    """One question and its answer. It answers any request of this method and path whose body contains `when`.

    `path` is what stands behind the base URL, with or without its query. `answer` is the body or a file that holds it;
    a file's ending says the content type. Of several exchanges for one question each is given once, in order, and the
    last of them from then on. `names_subject` is False when the answer holds the BSN for another reason than to say
    whom it is about.
    """

    method: str
    path: str
    answer: bytes | Path = b""
    status: int = 200
    content_type: str | None = None
    when: bytes = b""
    names_subject: bool = True

    @property
    def body(self) -> bytes:
        """The bytes of the answer."""
        return self.answer.read_bytes() if isinstance(self.answer, Path) else self.answer

    @property
    def media_type(self) -> str:
        """The content type of the answer: as given, else by the file's ending."""
        ending = self.answer.suffix if isinstance(self.answer, Path) else ""
        return self.content_type or _CONTENT_TYPES.get(ending, "application/json")

    @property
    def name(self) -> str:
        """How reports call it."""
        return " ".join(part for part in (self.method, self.path.partition("?")[0], self.when.decode()) if part)

    def answering(self, body: bytes, status: int = 200, content_type: str | None = None) -> Exchange:
        """The same question with another answer."""
        media_type = content_type or self.media_type
        return msgspec.structs.replace(self, answer=body, status=status, content_type=media_type)


class Case(msgspec.Struct, frozen=True):
    """What a source answers about one person, and which outcome that is; `fields` None asks all of the manifest's."""

    name: str
    expected: Expected
    exchanges: tuple[Exchange, ...] = ()
    fields: frozenset[Field] | None = None

    def with_answer(self, index: int, exchange: Exchange) -> Case:
        """The same case with another exchange at `index`."""
        changed = (*self.exchanges[:index], exchange, *self.exchanges[index + 1 :])
        return msgspec.structs.replace(self, exchanges=changed)


def kind_of(outcome: Outcome) -> Expected:
    """The name of an outcome, as cases have it; a failure goes by its kind."""
    match outcome:
        case Found():
            return "found"
        case Absent():
            return "absent"
        case Skipped():
            return "skipped"
        case _:
            return outcome.kind
