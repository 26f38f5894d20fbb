"""The people in the journeys, by what they do: one at a PC, one with a phone. What must hold is said in the tests.

They find their way as people do, by the words of the texts in their language; only what repeats itself (a source of a
person) is found by its id.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Literal

import msgspec
from playwright.async_api import FilePayload, Locator, Page, expect

from broker.texts import Language
from broker.web.render import text
from sandbox.browser import Browser
from sandbox.stage import SOURCES
from tests.browser.qr_reading import read_qr
from tests.browser.scene import Scene, Window

Role = Literal["applicant", "partner"]
Tab = Literal["ophalen", "bekijken", "verzenden"]
PASSWORD = "sandbox"


class Person:
    """Somebody in front of a window, who reads one language."""

    def __init__(self, scene: Scene, window: Window) -> None:
        self.scene = scene
        self.window = window

    @property
    def page(self) -> Page:
        """The page in front of them."""
        return self.window.page

    @property
    def language(self) -> Language:
        """What they read."""
        return self.window.language

    def words(self, name: str, **facts: object) -> str:
        """A text of the pages, in their language."""
        return text(self.language, name, **facts)

    async def sees_title(self, name: str, **facts: object) -> None:
        """The page in front of them has this title, now or in a moment."""
        await expect(self.page.locator("h1")).to_have_text(self.words(name, **facts))

    async def reads(self, name: str, **facts: object) -> None:
        """These words stand on the page, now or in a moment."""
        await expect(self.page.get_by_text(self.words(name, **facts)).first).to_be_visible()

    async def hears(self, name: str, **facts: object) -> None:
        """A screen reader is told this."""
        await expect(self.page.locator("#status")).to_have_text(self.words(name, **facts))

    async def press(self, name: str, **facts: object) -> None:
        """Press the button, or follow the link, with these words."""
        await self.control(name, **facts).click()

    async def act(self, action: str) -> None:
        """Press the button that does this."""
        await self.acting(action).click()

    def acting(self, action: str) -> Locator:
        """The button that does this."""
        return self.page.locator(f"button[data-action={action}]")

    def control(self, name: str, **facts: object) -> Locator:
        """The button or link with these words."""
        words = self.words(name, **facts)
        return self.page.get_by_role("button", name=words, exact=True).or_(
            self.page.get_by_role("link", name=words, exact=True)
        )

    async def reload(self) -> None:
        """Press the browser's own button."""
        await self.page.reload()

    async def downloaded(self, name: str) -> dict[str, Any]:
        """Press the button or link with these words, and open the JSON file that it gives."""
        async with self.page.expect_download() as download:
            await self.press(name)
        return msgspec.json.decode(await asyncio.to_thread((await (await download.value).path()).read_bytes))


class AtPc(Person):
    """A citizen at a computer."""

    async def open_invitation(self) -> None:
        """Follow the link in the mail."""
        assert self.scene.session is not None
        await self.page.goto(self.scene.session.journey_url)

    async def start(self, household: Literal["single", "couple"] | None = None) -> None:
        """Begin, and answer whether the partner takes part where that is asked."""
        await self.press("pc.start.go")
        if household is not None:
            await self.page.get_by_text(self.words(f"pc.household.{household}.title"), exact=True).click()
            await self.press("pc.onwards")
        await self.sees_title("pc.checklist.title")

    async def go_to_qr(self, household: Literal["single", "couple"] | None = None) -> None:
        """Everything up to the QR code, with a phone that has the app already."""
        await self.open_invitation()
        await self.start(household)
        await self.press("pc.checklist.go")
        await self.press("pc.number.skip")
        await self.sees_title("pc.qr.title")

    async def qr(self) -> str:
        """The address in the QR code on the screen, as a camera reads it."""
        await expect(self.page.locator("figure svg")).to_be_visible()
        return await read_qr(self.page)

    async def typed_way(self) -> str:
        """The code for who cannot scan."""
        await self.press("pc.qr.cannot")
        await self.sees_title("pc.typed.title")
        return await self.page.locator("main .code").inner_text()

    async def type_code(self, code: str) -> None:
        """Type what the phone shows, as soon as the page asks for it."""
        await self.page.get_by_label(self.words("pc.code.label")).fill(code)
        await self.press("pc.code.go")

    async def link(self, phone: WithPhone) -> None:
        """Scan with this phone, and type the code that it shows."""
        await phone.opens(await self.qr())
        await self.type_code(await phone.accept())
        await self.sees_title("pc.progress.title")
        await phone.on_screen("ophalen")

    async def sees_progress(self, person: Role, *states: str) -> None:
        """These states stand behind the sources of this person, in order, now or in a moment."""
        lines = self.page.locator(f"section[aria-labelledby={person}] li")
        words = [re.compile(re.escape(self.words(f"pc.progress.state_{state}"))) for state in states]
        await expect(lines).to_have_text(words)

    async def stop(self) -> None:
        """Stop, and mean it."""
        await self.press("common.stop")
        await self.press("pc.stop.go")


class WithPhone(Person):
    """A citizen with a phone."""

    async def opens(self, address: str) -> None:
        """The camera app, or a tap on a link."""
        await self.page.goto(address)

    async def away(self) -> None:
        """Leave the app: nothing of it runs any more."""
        await self.opens("about:blank")

    async def back(self) -> None:
        """Open the app again, by its bare address."""
        await self.opens(f"{self.scene.house.url}/phone")

    async def on_screen(self, name: str) -> None:
        """This screen is in front of them, now or in a moment."""
        await expect(self.page.locator("main > [data-screen]")).to_have_attribute("data-screen", name)

    async def type_in(self, code: str) -> None:
        """Open the bare address and type the code that the PC shows."""
        await self.back()
        await self.page.get_by_label(self.words("phone.welcome.code")).fill(code)
        await self.press("phone.welcome.go")

    async def accept(self) -> str:
        """Yes, it was me; gives the code to type over."""
        await self.act("accept")
        return await self.pairing_code()

    async def pairing_code(self) -> str:
        """The code on the screen."""
        code = self.page.locator("#pairing-code")
        await expect(code).to_have_text(re.compile(r"(\d\s*){4}"))
        return "".join(filter(str.isdigit, await code.inner_text()))

    async def go_to(self, tab: Tab) -> None:
        """Choose a tab."""
        await self.page.get_by_role("link", name=self.words(f"phone.tabs.{tab}"), exact=True).click()
        await self.on_screen(tab)

    def source(self, person: Role, source: str) -> Locator:
        """The line of one source of one person."""
        return self.page.locator(f"#{person}-{source}")

    async def sees_source(self, person: Role, source: str, *states: str) -> str:
        """One source in one of these states, now or in a moment; gives which."""
        line = self.source(person, source)
        await expect(line).to_have_attribute("data-state", re.compile(f"^({'|'.join(states)})$"))
        return str(await line.get_attribute("data-state"))

    async def begin(self, person: Role, source: str) -> None:
        """Press the button of a source, and wait until that has been heard."""
        async with self.page.expect_response(re.compile(f"/persons/{person}/sources/{source}/login$")):
            await self.page.locator(f"#collect-{person}-{source}").click()

    async def collect(self, person: Role, source: str, user: str) -> str:
        """One source, logging in as `user` where that is asked; gives how it ended."""
        await self.begin(person, source)

        async def answer_digid() -> None:
            if await self.asked_to_log_in():
                await self.log_in(user)

        ended = await self.scene.until_settled(person, source, answer_digid)
        return await self.sees_source(person, source, ended, *(["partial"] if ended == "collected" else []))

    async def hand_over(self, person: Role, source: str, content: bytes) -> None:
        """Choose a file that was downloaded before, under a name of its own."""
        chosen: FilePayload = {"name": "Mijn download (1)", "mimeType": "", "buffer": content}
        async with self.page.expect_response(re.compile(f"/persons/{person}/sources/{source}/upload$")):
            await self.page.locator(f"#file-{person}-{source}").set_input_files(chosen)

    async def collect_all(self, person: Role, user: str, sources: tuple[str, ...] = SOURCES) -> None:
        """Every source in order."""
        for source in sources:
            assert await self.collect(person, source, user) == "collected"

    async def asked_to_log_in(self) -> bool:
        """Whether the pretend DigiD stands there with a question."""
        at_digid = self.page.url.startswith(f"{self.scene.house.world_url}/digid/")
        return at_digid and await self.page.locator("#user, #code").count() > 0

    async def log_in(self, user: str) -> None:
        """Answer the pretend DigiD: name and password, or the code that came by SMS."""
        if await self.page.locator("#user").count():
            await self.page.locator("#user").fill(user)
            await self.page.locator("#password").fill(PASSWORD)
            await self._leave_by("Inloggen")
        else:
            await self.page.locator("#code").fill(await self.scene.sms_code(user))
            await self._leave_by("Verder")

    async def _leave_by(self, button: str) -> None:
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=button).click()

    async def cancel_login(self) -> None:
        """Change one's mind at the pretend DigiD."""
        await self._leave_by("Annuleren")

    async def partner_qr(self) -> str:
        """The address in the QR code for the partner's own phone, as its camera reads it."""
        await self.press("phone.partner.own")
        picture = self.page.locator("#partner-qr-picture svg")
        await expect(picture).to_be_visible()
        await picture.scroll_into_view_if_needed()
        return await read_qr(self.page)

    async def asked(self, button: str, *, sure: bool) -> None:
        """Press what asks once more before it does anything, and answer."""
        await self.page.locator(f"#{button}").click()
        answers = self.page.locator("dialog[open]").get_by_role("button")
        no = self.page.locator("[data-action=close]")
        await (
            answers.filter(visible=True)
            .and_(no if not sure else self.page.locator(":not([data-action=close])"))
            .click()
        )

    async def touch(self) -> None:
        """Touch the screen, where nothing is."""
        await self.page.locator("h1").dispatch_event("pointerdown")

    async def consent(self, person: Role) -> None:
        """Agree, on the tab Verzenden, for one adult."""
        await self.page.locator(f"#consent-{person}").click()

    async def skip(self, person: Role, source: str, reason: str) -> None:
        """Leave an optional source out, for a reason of the list."""
        line = self.source(person, source)
        await line.locator("summary").click()
        await line.get_by_text(self.words(f"phone.skip.{reason}")).click()
        await line.get_by_role("button", name=self.words("phone.skip.do")).click()

    async def unfold(self, category: str) -> None:
        """Open one of the categories of Bekijken."""
        await self.page.locator(f"#category-{category} > summary").click()

    async def remark(self, record: Locator, remark: str) -> None:
        """Say that something in a record is not right."""
        wrong = record.locator("details").filter(has=self.page.locator("form[data-action=remark]"))
        await wrong.locator("summary").click()
        await wrong.get_by_role("textbox").fill(remark)
        await wrong.get_by_role("button").click()


async def at_qr(scene: Scene, language: Language = "nl", **wishes: str) -> tuple[AtPc, WithPhone]:
    """A new session (of one adult, unless wished otherwise): a PC that shows its QR code, and a phone."""
    await scene.begun(**{"household": "single", "language": language, **wishes})
    pc = AtPc(scene, await scene.window("desktop", language))
    await pc.go_to_qr()
    return pc, WithPhone(scene, await scene.window("phone", language))


async def linked(scene: Scene, language: Language = "nl", **wishes: str) -> tuple[AtPc, WithPhone]:
    """The same, with the phone linked."""
    pc, phone = await at_qr(scene, language, **wishes)
    await pc.link(phone)
    return pc, phone


async def linked_phone(scene: Scene, language: Language = "nl", **wishes: str) -> WithPhone:
    """The linked phone alone: where nobody looks at the PC a program sits there, which is quicker than a window."""
    created = await scene.begun(**{"household": "single", "language": language, **wishes})
    pc = Browser(created.journey_url, scene.house.http)
    await pc.start()
    phone = WithPhone(scene, await scene.window("phone", language))
    await phone.opens((await pc.show_token()).url)
    await pc.type_code(await phone.accept())
    await phone.on_screen("ophalen")
    return phone


async def couple_at_verzenden(scene: Scene) -> WithPhone:
    """One phone on which both adults collected everything, and are about to consent."""
    phone = await linked_phone(scene, household="couple")
    await phone.collect_all("applicant", "married-couple")
    await phone.press("phone.partner.here")
    await phone.collect_all("partner", "married-couple-partner")
    await phone.go_to("verzenden")
    return phone
