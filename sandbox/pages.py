"""The few pages people see: what each is made of, in Dutch with an English note, readable without style or script.

Every value is escaped here, and nowhere else; the templates are plain HTML with `$names`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template

from sandbox.cases import Case
from sandbox.digid import Page
from sandbox.personas import HOUSEHOLDS
from sandbox.personas.facts import Household
from sandbox.world import Message

_FOLDER = Path(__file__).parent / "templates"


def _filled(name: str, **values: str) -> str:
    """A template with `values`, which are HTML already."""
    return Template((_FOLDER / name).read_text(encoding="utf-8")).substitute(values)


def style() -> str:
    """The one stylesheet."""
    return (_FOLDER / "style.css").read_text(encoding="utf-8")


def start() -> str:
    """Who can log in, and what each of them shows."""
    households = "".join(_household(household) for household in HOUSEHOLDS.values())
    return _filled("page.html", title="De zandbak", content=_filled("start.html", households=households))


def login(page: Page) -> str:
    """The password or SMS page of a login under way."""
    cancel = _filled("cancel.html", login=escape(page.login))
    if page.case is not None:
        return _player(page, page.case, cancel)
    if page.step == "sms":
        problem = _alert("Deze code klopt niet.", "This code is wrong.") if page.wrong else ""
        content = _filled("sms.html", login=escape(page.login), problem=problem, cancel=cancel)
        return _filled("page.html", title="Vul de sms-code in", content=content)
    problem = _alert("Naam of wachtwoord klopt niet.", "Wrong name or password.") if page.wrong else ""
    users = "".join(f'<option value="{escape(user)}">' for user in user_names())
    couple, alone = HOUSEHOLDS["married-couple"], HOUSEHOLDS["single"]
    content = _filled(
        "password.html",
        login=escape(page.login),
        problem=problem,
        users=users,
        applicant=couple.applicant.user,
        partner=couple.partner.user if couple.partner else "",
        alone=alone.applicant.user,
        cancel=cancel,
    )
    return _filled("page.html", title="Nagemaakt inloggen", content=content)


def _player(page: Page, case: Case, cancel: str) -> str:
    """The one persona a test case offers."""
    told = {"login": page.login, "user": page.player, "nl": case.nl, "en": case.en}
    content = _filled("player.html", **{name: escape(value) for name, value in told.items()}, cancel=cancel)
    return _filled("page.html", title=f"Testgeval: {escape(case.id)}", content=content)


def cases(listed: Iterable[Case]) -> str:
    """The failures a provider can ask for."""
    return _filled("page.html", title="Testgevallen", content=_filled("cases.html", cases=_each("case.html", listed)))


def office(provider: str, listed: Iterable[Case]) -> str:
    """A provider's own page: open a session, as it comes or with one of the cases."""
    content = _filled("office.html", provider=escape(provider), cases=_each("office-case.html", listed))
    return _filled("page.html", title="Dienstverlener", content=content)


def _each(template: str, listed: Iterable[Case]) -> str:
    who = {"single": "alleen", "couple": "met partner"}
    words = ({"id": case.id, "nl": case.nl, "en": case.en, "who": who[case.household]} for case in listed)
    return "".join(_filled(template, **{name: escape(text) for name, text in told.items()}) for told in words)


def refused(code: str) -> str:
    """A login that cannot go on and has no client to go back to."""
    content = _alert(f"Inloggen kan niet verder ({code}).", "This login cannot go on.")
    return _filled("page.html", title="Inloggen mislukt", content=content)


_NOTHING_YET = '<p>Er is nog niets verstuurd. <span lang="en">Nothing was sent yet.</span></p>'


def inbox(messages: Iterable[Message]) -> str:
    """The messages, newest first."""
    lines = "".join(f"<li>{_message(message)}</li>" for message in messages)
    shown = f'<ol class="messages">{lines}</ol>' if lines else _NOTHING_YET
    return _filled("page.html", title="Postvak", content=_filled("inbox.html", messages=shown))


def user_names() -> list[str]:
    """Everybody who can log in."""
    people = [p for h in HOUSEHOLDS.values() for p in (h.applicant, h.partner, h.stranger) if p is not None]
    return [person.user for person in people if person.user]


def _household(household: Household) -> str:
    others = [p.user for p in (household.partner, household.stranger) if p is not None and p.user]
    partner = "".join(f"<p>Tweede persoon: <code>{escape(user)}</code></p>" for user in others)
    return _filled(
        "household.html",
        user=escape(household.applicant.user),
        title_nl=escape(household.title_nl),
        title_en=escape(household.title_en),
        partner=partner,
    )


def _message(message: Message) -> str:
    at = datetime.fromtimestamp(message.at, UTC)
    head = f"<time>{at:%H:%M:%S}</time> aan <code>{escape(message.to)}</code>: "
    if not message.subject:
        return head + escape(message.text)
    link = f'<a href="/sandbox/mail/{message.number}">{escape(message.subject)}</a>'
    return f"{head}{link}<pre>{escape(message.text)}</pre>"


def _alert(dutch: str, english: str) -> str:
    return f'<p role="alert">{escape(dutch)} <span lang="en">{escape(english)}</span></p>'
