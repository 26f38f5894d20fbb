"""Texts, templates and static files: the same in both languages, all in use, and nothing the pages' policy forbids."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from jinja2 import UndefinedError

from broker.web import render

TEMPLATES = sorted(path for path in (render.HERE / "templates").rglob("*") if path.is_file())
PAGES = [path for path in TEMPLATES if "mail" not in path.parts]
AREAS = "|".join(sorted({name.partition(".")[0] for name in render.texts("nl")}))
OPERAND = r'"[^"]*"|\([^()]*\)|[\w.\[\]]+'
CHAIN = re.compile(rf'"((?:{AREAS})\.[^"/]*)"((?:\s*~\s*(?:{OPERAND}))*)')
IN_PYTHON = re.compile(rf'"((?:{AREAS})\.[^"\s]+)"')
A_FILE = re.compile(r"\.(?:html|css|js|svg|txt)$")


def named(path: Path) -> str:
    """How a template is called in a test's name."""
    return path.relative_to(render.HERE).as_posix()


def asked_for(template: str) -> set[str]:
    """The patterns of the text names in a template: a literal, or literals joined by `~` to one varying part each."""
    found: set[str] = set()
    for literal, joined in CHAIN.findall(template):
        if not A_FILE.search(literal):
            operands = re.findall(OPERAND, joined)
            found.add(re.escape(literal) + "".join(_part(operand) for operand in operands))
    return found


def _part(operand: str) -> str:
    return re.escape(operand[1:-1]) if operand.startswith('"') else "[^.]+"


def asked_for_in_python(source: str) -> set[str]:
    """The same of Python: a literal, in which `{…}` varies."""
    return {re.sub(r"\\\{.*?\\\}", "[^.]+", re.escape(name)) for name in IN_PYTHON.findall(source)}


def placeholders(text: str) -> set[str]:
    """The names a text leaves open."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def without_jinja(template: str) -> str:
    """What of a template is HTML and nothing else."""
    return re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template, flags=re.DOTALL)


def test_both_languages_say_the_same_things() -> None:
    """Every text is there in Dutch and in English."""
    assert render.texts("nl").keys() == render.texts("en").keys()


def test_both_languages_fill_in_the_same_facts() -> None:
    """A text has the same placeholders in both languages, and none without a name."""
    english = render.texts("en")
    differing = {
        name: (placeholders(text), placeholders(english[name]))
        for name, text in render.texts("nl").items()
        if placeholders(text) != placeholders(english[name]) or "" in placeholders(text)
    }
    assert not differing


def test_no_text_is_empty() -> None:
    """A text that is there says something."""
    for language in ("nl", "en"):
        assert not [name for name, text in render.texts(language).items() if not text.strip()]


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_every_text_a_template_asks_for_exists(path: Path) -> None:
    """No template asks for a text that is not there, nor varies a name in a way that fits none."""
    names = render.texts("nl").keys()
    template = path.read_text(encoding="utf-8")
    assert set(re.findall(r'\bt\("(\w+)\.', template)) <= set(AREAS.split("|"))
    patterns = asked_for(template)
    assert not [pattern for pattern in patterns if not any(re.fullmatch(pattern, name) for name in names)]


def test_every_text_is_used() -> None:
    """No text lies about that nothing shows: each is named in a template or in Python, whole or with a part varying."""
    patterns: set[str] = set()
    for path in TEMPLATES:
        patterns |= asked_for(path.read_text(encoding="utf-8"))
    for path in render.HERE.parent.rglob("*.py"):
        patterns |= asked_for_in_python(path.read_text(encoding="utf-8"))
    used = re.compile("|".join(sorted(patterns)))
    assert not [name for name in render.texts("nl") if not used.fullmatch(name)]


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_templates_hold_no_text_for_people(path: Path) -> None:
    """What a person reads or hears comes from the texts: between tags and in spoken attributes no word stands."""
    html = re.sub(r"<style.*?</style>", "", without_jinja(path.read_text(encoding="utf-8")), flags=re.DOTALL)
    assert not re.findall(r'(?:aria-label|alt|title|placeholder)="[^"]*[A-Za-z]{2,}', html)
    assert not re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>|&\w+;", "", html, flags=re.DOTALL))


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_pages_hold_nothing_their_policy_forbids(path: Path) -> None:
    """No inline style, handler or script, and no address elsewhere: the policy of pages allows none of them.

    Mail is not a page: mail programs know no stylesheets, so its styles stand with what they style.
    """
    html = path.read_text(encoding="utf-8")
    assert not re.findall(r"\sstyle=|<style|\son[a-z]+=|javascript:", html)
    assert not re.findall(r"<script(?![^>]*\ssrc=)", html)
    assert not re.findall(r"""(?:https?:)?//[\w{]""", re.sub(r"\{#.*?#\}", "", html, flags=re.DOTALL))


def test_an_address_of_a_static_file_changes_with_the_files() -> None:
    """A static file's address has the version of all files in it, so it may be cached for ever."""
    assert render.asset("app.css") == f"/static/{render.static_version()}/app.css"
    assert re.fullmatch(r"[0-9a-f]{12}", render.static_version())


def test_styles_and_scripts_stay_small() -> None:
    """All styles together stay under 20,000 bytes and all scripts under 40,000, as they are written."""
    sizes = dict.fromkeys(render.MEDIA_TYPES, 0)
    for name, content in render.static_files().items():
        sizes[Path(name).suffix] += len(content)
    assert 0 < sizes[".css"] < 20_000
    assert sizes[".js"] < 40_000


def test_static_files_name_no_other_place() -> None:
    """Styles and scripts load nothing from elsewhere."""
    for name, content in render.static_files().items():
        addresses = re.findall(rb"https?://[^\s\"'<>)]+", content)
        assert set(addresses) <= {b"http://www.w3.org/2000/svg"}, name


def test_unknown_names_are_errors() -> None:
    """A text, a placeholder, a file or a fact that is not there raises; it never leaves an empty place."""
    with pytest.raises(KeyError):
        render.text("nl", "common.nothing")
    with pytest.raises(KeyError):
        render.text("nl", "common.title")
    with pytest.raises(KeyError):
        render.asset("nothing.css")
    with pytest.raises(UndefinedError):
        render.render("base.html", "nl", sandbox=False)
