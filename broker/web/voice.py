"""Who is spoken to, in which language and when: what every sentence of the review needs beside its facts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from broker.texts import Language
from broker.web.render import text, texts
from sessions.model import ROLES, Role


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """`reader` holds the phone and is *jij*, the other adult *je partner*. `now` in seconds since the epoch.

    `labels`: the sources' names; `names`: those of the persons, by id, as far as this phone may know them; `together`:
    there are two adults, so that it must be said whose something is.
    """

    language: Language
    reader: Role
    now: float
    labels: Mapping[str, str]
    names: Mapping[str, str]
    together: bool

    def say(self, name: str, **facts: object) -> str:
        """A text, by its whole name. Raises KeyError for one that is not there."""
        return text(self.language, name, **facts)

    def can_say(self, name: str) -> bool:
        """Whether there is such a text: words of sources and codes of plug-ins may not be known here."""
        return name in texts(self.language)

    def says_or(self, name: str, otherwise: str) -> str:
        """A text that may not be there, or else these words."""
        return self.say(name) if self.can_say(name) else otherwise

    def who(self, person: str) -> str:
        """A person within a sentence: `jij`, `je partner`, or by name."""
        if person in ROLES:
            return self.say("review.who.you" if person == self.reader else "review.who.partner")
        return self.names.get(person) or self.say("review.who.somebody")

    def label(self, source: str) -> str:
        """A source's name on screen."""
        return self.labels.get(source, source)
