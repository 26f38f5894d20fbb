"""What the reader of the data must know, as sentences: every finding, in the words of who looks at their own data.

A clash or a doubt is a question: nobody here knows better. Codes that are not known here (a plug-in's) get a sentence
of their kind. Where a finding stands is `review_page`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation

import msgspec

from broker.web import formats
from broker.web.values import retold, said
from broker.web.voice import Voice
from schemas.records import Finding

_NESTED = ("values_", "periods_", "contracts_", "blocks_", "owners_")
_DOUBTS = ("clash", "under-investigation")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`lead` is its kind in a word or two, `values` who says what; `lead` and `whose` are empty where that is clear.

    `waiting`: it asks the reader whether something is right.
    """

    lead: str
    text: str
    values: tuple[str, ...] = ()
    whose: str = ""
    waiting: bool = False


def questions(findings: Iterable[Finding], voice: Voice, *, apart: bool = False) -> tuple[Question, ...]:
    """The findings as sentences, in their order; missing sources in one sentence per person and state.

    `apart`: they stand by themselves, so it must be said whose and what they are about.
    """
    listed = list(findings)
    ordinary = (question(finding, voice, apart=apart) for finding in listed if finding.kind != "missing-source")
    return (*_missing(listed, voice), *ordinary)


def question(finding: Finding, voice: Voice, *, apart: bool = False) -> Question:
    """One finding as a sentence."""
    if finding.kind == "remark":
        own = finding.person == voice.reader
        lead = voice.say("review.question.remark" if own else "review.question.remark-of-partner")
        return Question(lead=lead, text=finding.text or "")
    whose = _whose(finding, voice) if apart else ""
    lead = voice.say("review.question.right") if finding.kind in _DOUBTS else _note(voice, apart=apart)
    if finding.kind == "clash":
        values = tuple(f"{voice.label(each.source)}: {retold(each.value, voice)}" for each in finding.values)
        told = _clash(finding, voice, apart=apart)
        return Question(lead=lead, text=told, values=values, whose=whose, waiting=True)
    return Question(lead=lead, text=_sentence(finding, voice), whose=whose, waiting=finding.kind in _DOUBTS)


def _note(voice: Voice, *, apart: bool) -> str:
    """What stands apart stands under a heading that says it already."""
    return "" if apart else voice.say("review.question.note")


def _whose(finding: Finding, voice: Voice) -> str:
    """Nobody is named where there is one adult, of whom it speaks by itself."""
    if finding.person is None or (finding.person == voice.reader and not voice.together):
        return ""
    who = voice.names.get(finding.person) or voice.who(finding.person)
    return who[:1].upper() + who[1:]


def _clash(finding: Finding, voice: Voice, *, apart: bool) -> str:
    sources = list(dict.fromkeys(voice.label(value.source) for value in finding.values))
    many = "several" if len(sources) > 1 else "one" if sources else "unsaid"
    facts = {"sources": formats.listed(sources, voice.language), "what": _attribute(finding.code, voice)}
    told = voice.say(f"review.clash.{many}", **facts)
    about = voice.say("review.clash.about", thing=formats.account(finding.text)) if apart and finding.text else ""
    sent = voice.say("review.clash.both" if len(finding.values) == 2 else "review.clash.all") if finding.values else ""
    return " ".join(part for part in (about, told, sent) if part)


def _attribute(code: str, voice: Voice) -> str:
    """What a clash is about, by its code: an attribute's name, perhaps within a list's."""
    name = code.replace("-", "_")
    for nested in _NESTED:
        name = name.removeprefix(nested)
    return voice.says_or(f"review.attribute.{name}", voice.say("review.clash.something"))


def _sentence(finding: Finding, voice: Voice) -> str:
    facts = {
        "source": voice.label(finding.source) if finding.source else voice.say("review.finding.a-source"),
        "value": formats.listed([_value(each.value, voice) for each in finding.values], voice.language),
        "text": said(finding.text or "", voice),
    }
    if finding.kind == "under-investigation":
        what = voice.says_or(f"review.block.{finding.code}", voice.say("review.block.unknown"))
        return voice.say("review.finding.doubt", what=what, **facts)
    if voice.can_say(f"review.code.{finding.code}"):
        return voice.say(f"review.code.{finding.code}", **facts)
    if finding.kind == "source-note":
        return voice.say("review.finding.quoted" if finding.text else "review.finding.noted", **facts)
    return voice.say(f"review.finding.{finding.kind}", **facts)


def _value(value: str, voice: Voice) -> str:
    """An amount that stands as a bare number of euros is written as an amount."""
    try:
        return formats.amount(Decimal(value), voice.language) if "." in value else retold(value, voice)
    except InvalidOperation:
        return retold(value, voice)


def _missing(findings: Iterable[Finding], voice: Voice) -> Iterator[Question]:
    found: dict[tuple[str | None, str], list[Finding]] = {}
    for finding in findings:
        if finding.kind == "missing-source":
            found.setdefault((finding.person, finding.code), []).append(finding)
    for (_, code), same in found.items():
        sources = formats.listed([voice.label(one.source or "") for one in same], voice.language)
        name = f"review.missing.{code}"
        text = voice.say(name if voice.can_say(name) else "review.missing.other", sources=sources)
        yield Question(lead=voice.say("review.question.missing"), text=text, whose=_whose(same[0], voice))
