"""The phone app's parts fit together: templates and scripts name the same things, and every state has its words."""

from __future__ import annotations

import re
from typing import get_args, get_type_hints

import pytest

from broker import screens
from broker.texts import Language
from broker.web.render import HERE, static_files, texts
from connectors.contract import FailureKind
from connectors.health import Condition
from connectors.login import Reason
from connectors.registry import default_registry
from sandbox.stage import SOURCES
from sessions.model import Seal, SourceStatus

LANGUAGES: tuple[Language, ...] = ("nl", "en")
TEMPLATES = {path.stem: path.read_text("utf-8") for path in sorted((HERE / "templates" / "phone").glob("*.html"))}
AROUND = [(HERE / "templates" / name).read_text("utf-8") for name in ("base.html", "review.html")]
SCRIPTS = {
    name: static_files()[name].decode()
    for name in ("phone.js", "memory.js", "screen.js", "api.js", "keys.js", "stream.js")
}
HTML = "".join([*TEMPLATES.values(), *AROUND])
JAVASCRIPT = "".join(SCRIPTS.values())


def said(language: Language, section: str) -> set[str]:
    """The names that have words in a section of the app's texts."""
    start = f"phone.{section}."
    return {name.removeprefix(start).partition(".")[0] for name in texts(language) if name.startswith(start)}


def test_every_button_does_something() -> None:
    """Each action that a template asks for is one of the script's, and the script has no other."""
    asked = set(re.findall(r'data-action="([a-z-]+)"', HTML))
    asked |= set(re.findall(r'pieces\.asking\(.*?, "([a-z]+)"(?:, [\w."]+)?\) }}', HTML))
    table = SCRIPTS["phone.js"].partition("const ACTIONS = {")[2].partition("\n};")[0]
    assert asked == {name.strip('"') for name in re.findall(r'^  ("?[a-z-]+"?)[:,]', table, flags=re.MULTILINE)}


def test_every_element_a_script_looks_for_exists() -> None:
    """Scripts find elements by id: each of these stands in a template, or a script makes it."""
    wanted = set(re.findall(r'getElementById\("([a-z-]+)"\)', JAVASCRIPT))
    wanted |= set(re.findall(r'querySelector\("#([a-z-]+)"\)', JAVASCRIPT))
    written = set(re.findall(r'\bid="([a-z-]+)"', HTML)) | set(re.findall(r'\bid: "([a-z-]+)"', JAVASCRIPT))
    assert wanted <= written


def test_every_screen_has_a_template() -> None:
    """The names of screens are those of templates."""
    assert {*get_args(screens.Name)} <= {*TEMPLATES}


def test_scripts_hold_no_words_for_people() -> None:
    """What is said comes from the templates: no text in a script is a sentence."""
    code = re.sub(r"/\*.*?\*/", "", JAVASCRIPT, flags=re.DOTALL)
    code = re.sub(r"(^|\s)//.*", "", code)
    strings = re.findall(r'"[^"\n]*"|`[^`]*`', re.sub(r"\$\{[^}]*\}", "", code))
    assert [string for string in strings if re.search(r"[A-Za-z]{3,} [a-z]{2,}[ .]", string)] == []


def test_scripts_keep_nothing_but_the_key() -> None:
    """No storage but the one of keys.js, and no cookie is read or written."""
    assert not re.search(r"localStorage|sessionStorage|document\.cookie|caches\.|serviceWorker", JAVASCRIPT)
    assert [name for name, script in SCRIPTS.items() if "indexedDB" in script] == ["keys.js"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_its_words(language: Language) -> None:
    """Failures, logins that ended, parts of sources, reasons to skip and ends are each said in words of their own."""
    assert said(language, "failure") == {*get_args(FailureKind), "wrong-answer", "other"}
    assert said(language, "login") <= {*get_args(Reason), "login-expired", "other"}
    own_words = {"cancelled", "unreachable", "login-expired", "on-behalf", "level-too-low", "not-fresh", "no-bsn"}
    assert own_words <= said(language, "login")
    assert said(language, "vain") <= {*get_args(FailureKind), "wrong-answer", "other", "kept"}
    assert {*get_args(Seal)} == said(language, "seal")
    assert {*get_args(get_type_hints(Condition)["kind"])} <= said(language, "trouble")
    for section in ("brings", "where", "which"):
        assert said(language, section) == {*SOURCES, "other"}
    assert said(language, "end") - {"close", "return"} == {
        *("delivered", "undelivered", "expired"),
        *("citizen", "provider", "provider-maybe", "declined", "withdrawn", "withdrawn-maybe"),
    }
    own = {status.value for status in SourceStatus} - {"todo", "failed", "skipped"}
    assert own <= said(language, "source")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_of_a_source_has_its_words(language: Language) -> None:
    """What connectors say they are asking now is said on the screen."""
    parts = set[str]()
    for manifest in default_registry().manifests():
        for path in (HERE.parent.parent / "connectors" / manifest.id).glob("*.py"):
            source = path.read_text("utf-8")
            parts |= set(re.findall(r'progress\("(\w+)"\)', source)) | set(
                re.findall(r'part="(\w+)",\n +fields', source)
            )
    assert parts <= said(language, "part")
    assert parts


def test_every_gap_has_its_words() -> None:
    """What the guide of the sources tells of codes of missing parts is said on the screen."""
    guide = (HERE.parent.parent / "docs" / "guides" / "sources.md").read_text("utf-8")
    told = guide.partition("## What is said when part of it is missing")[2]
    codes = {*re.findall(r"`([a-z-]+-(?:unavailable|incomplete|not-answer))`", told)}
    codes |= {*re.findall(r"^\| `([a-z-]+)` \| `incomplete`", told, flags=re.MULTILINE)}
    assert len(codes) > 8
    assert codes <= said("nl", "gap")
