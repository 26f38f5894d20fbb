"""The skeleton, its pieces and the colours: what every page has, and that everyone can read it."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import Literal

import msgspec
import pytest
from coloraide import Color
from lxml import html

from broker.web import render

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
TEXT, CONTROL = 4.5, 3.0

# Text on ground. A provider's own accent is checked where its stylesheet is made (broker/brand.py).
READ = [
    *[("ink", ground) for ground in ("paper", "surface", "line", "accent-soft", "good-soft", "warn-soft", "bad-soft")],
    *[("ink-soft", ground) for ground in ("paper", "surface", "line", "accent-soft", "warn-soft")],
    *[("accent", ground) for ground in ("paper", "surface", "accent-soft", "warn-soft")],
    *[("bad", ground) for ground in ("paper", "surface", "bad-soft")],
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("accent-ink", "accent"),
    ("second-ink", "second"),
    ("bad-ink", "bad"),
]
# Edges of controls, and what bars and focus rings say by their colour (WCAG 2.2, 1.4.11).
SEEN = [("edge", "paper"), ("edge", "surface"), ("accent", "line"), ("ink", "accent-soft"), ("bad", "surface")]


class Provider(msgspec.Struct, kw_only=True, frozen=True):
    """What the skeleton shows of a provider."""

    id: str = "voorbeeldstad"
    name: str = "Gemeente <Voorbeeldstad>"
    logo: bool = True


@cache
def colours(scheme: Scheme) -> dict[str, Color]:
    """The tokens of a scheme in app.css; the dark ones lie over the light ones."""
    css = render.static_files()["app.css"].decode()
    light, dark = re.findall(r":root \{\n(.*?)\n *\}\n", css, re.DOTALL)
    rules = light if scheme == "light" else light + dark
    found = re.findall(r"--([\w-]+): (?:var\([\w-]+, )?(#[0-9a-f]{6})", rules)
    return {name: Color(value) for name, value in found}


def contrast(scheme: Scheme, one: str, other: str) -> float:
    """The WCAG contrast ratio of two tokens."""
    return colours(scheme)[one].contrast(colours(scheme)[other], method="wcag21")


def piece(source: str, language: Literal["nl", "en"] = "nl") -> html.HtmlElement:
    """What a call of a macro of parts.html gives."""
    template = '{% import "parts.html" as parts with context %}<div>' + source + "</div>"
    made = render._environment().from_string(template)  # pyright: ignore[reportPrivateUsage]
    return html.fromstring(made.render(t=partial(render.text, language), language=language))


def page(**facts: object) -> html.HtmlElement:
    """The skeleton with these facts."""
    return html.document_fromstring(render.render("base.html", "nl", **{"title": "Proef", "sandbox": False, **facts}))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground"), READ)
def test_text_can_be_read(scheme: Scheme, text: str, ground: str) -> None:
    """Every pair of text and ground that the styles use has a contrast of 4.5 or more (WCAG 2.2, 1.4.3)."""
    assert contrast(scheme, text, ground) >= TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("edge", "ground"), SEEN)
def test_controls_can_be_seen(scheme: Scheme, edge: str, ground: str) -> None:
    """What shows a control, its state or its focus has a contrast of 3 or more with what is around it."""
    assert contrast(scheme, edge, ground) >= CONTROL


def test_a_page_has_what_every_page_needs() -> None:
    """Language, title, a way past the top, one main part that can be focused, a live region, and pages on us."""
    made = page()
    assert made.get("lang") == "nl"
    assert made.findtext(".//title") == "Proef · Ophaalbrug"
    assert made.xpath("//meta[@name='robots']/@content") == ["noindex"]
    assert made.xpath("//body/a[@class='skip']/@href") == ["#main"]
    assert made.xpath("//main/@id") == ["main"]
    assert made.xpath("//main/@tabindex") == ["-1"]
    assert made.xpath("//*[@role='status']/@id") == ["status"]
    assert made.xpath("//footer//a/@href") == ["/privacy?lang=nl", "/accessibility?lang=nl"]
    assert not made.xpath("//*[@class='steps'] | //*[@class='languages'] | //aside | //a[@class='stop']")


def test_a_page_of_a_provider_shows_who_asks() -> None:
    """The provider's name, logo and colours are on the page, the name escaped."""
    made = page(provider=Provider())
    assert made.xpath("string(//*[@class='who'])") == "voor Gemeente <Voorbeeldstad>"
    assert made.xpath("//img[@class='logo']/@alt") == ["Logo van Gemeente <Voorbeeldstad>"]
    assert "/brand/voorbeeldstad/colours.css" in made.xpath("//link[@rel='stylesheet']/@href")
    assert not page(provider=Provider(logo=False)).xpath("//img")


def test_the_step_bar_says_where_one_is() -> None:
    """Of five steps one is the present one; those before it are said to be done, also to who does not see the bar."""
    items = page(step=3).xpath("//ol[@class='steps']/li")
    assert [item.get("class") for item in items] == ["done", "done", None, None, None]
    assert [item.get("aria-current") for item in items] == [None, None, "step", None, None]
    assert " ".join(items[0].text_content().split()) == "Gedaan: Begin"


def test_a_sandbox_says_so() -> None:
    """In the sandbox every page says that everything is made up."""
    assert page(sandbox=True).xpath("string(//aside)").strip() == "Oefenomgeving: alles is verzonnen."


def test_the_language_switch_links_or_posts() -> None:
    """Pages without a session link to the other language; where a session keeps it, a form posts the choice."""
    linked = page(other_language_url="?lang=en")
    assert linked.xpath("//nav[@class='languages']//a[@hreflang='en']/@href") == ["?lang=en"]
    posted = page(language_action="/j/language")
    assert posted.xpath("//form[@method='post']/@action") == ["/j/language"]
    assert posted.xpath("//form//button[@name='language']/@value") == ["en"]
    assert posted.xpath("string(//form//*[@aria-current])") == "Nederlands"


def test_a_field_is_tied_to_its_label_hint_and_error() -> None:
    """A screen reader hears label, hint and error with the input; further facts become attributes of it."""
    made = piece('{{ parts.field("mobile", "Nummer", hint="Van je <telefoon>", error="Te kort", inputmode="tel") }}')
    (field,) = made.xpath(".//input")
    assert made.xpath(".//label/@for") == ["mobile"]
    assert field.get("aria-describedby").split() == made.xpath(".//p/@id") == ["mobile-hint", "mobile-error"]
    assert (field.get("aria-invalid"), field.get("inputmode")) == ("true", "tel")
    assert "required" in field.attrib
    (plain,) = piece('{{ parts.field("note", "Noot", required=false) }}').xpath(".//input")
    assert not {"required", "aria-invalid", "aria-describedby"} & set(plain.attrib)


@pytest.mark.parametrize(
    "state", ["todo", "login", "fetching", "collected", "absent", "skipped", "failed", "down", "partial", "doubted"]
)
def test_every_state_has_a_sign_and_a_word(state: str) -> None:
    """A source's state is never said by colour alone: a sign for the eye, a word for everyone."""
    made = piece('{{ parts.sign("%s", 2) }} {{ parts.state_word("%s") }}' % (state, state))  # noqa: UP031
    (sign,) = made.xpath(".//*[@class='sign']")
    assert sign.get("aria-hidden") == "true"
    assert sign.text
    assert sign.tail.strip() == render.text("nl", f"common.state.{state}")


def test_a_notice_takes_a_sentence_or_a_block() -> None:
    """A notice holds a text, or whatever the template calls it with."""
    assert piece('{{ parts.notice("warn", "Let <op>") }}').xpath("string(.//div[@class='notice warn']/p)") == "Let <op>"
    called = piece("{% call parts.notice() %}<button type='button'>Verder</button>{% endcall %}")
    assert called.xpath(".//div[@class='notice']/button")


def test_the_timeline_says_what_is_done_and_what_is_not() -> None:
    """Each step of the delivery carries its state as a word too."""
    made = piece('{{ parts.timeline([{"state": "now", "title": "Ontvangen", "detail": "Nog even"}]) }}', "en")
    (item,) = made.xpath(".//li")
    assert item.get("data-state") == "now"
    assert " ".join(item.text_content().split()) == "In progress: Ontvangen Nog even"


def test_badge_stop_and_mark() -> None:
    """A badge and the mark are for the eye only; the way out is a link with words."""
    assert piece('{{ parts.badge("partner") }}').xpath(".//*[@class='badge partner'][@aria-hidden='true']/text()") == [
        "P"
    ]
    assert piece('{{ parts.badge("applicant", "A") }}').xpath("string(.//*[@class='badge applicant'])") == "A"
    assert piece("{{ parts.mark() }}").xpath(".//*[@aria-hidden='true'][@class='mark']")
    assert piece('{{ parts.stop_link("/j/stop") }}').xpath("string(.//a)") == "Stoppen en alles wissen"
