"""The pretend back office as a program: registered from its own file, it opens a session and hears of it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp

from sandbox import stage
from sandbox.browser import Browser


async def _asked(http: aiohttp.ClientSession, method: str, url: str) -> tuple[int, Any]:
    """What the office answers, once it listens: on a busy machine its start takes long."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with http.request(method, url) as answer:
                    return answer.status, await (answer.json() if "json" in answer.content_type else answer.text())
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)


async def _opens_with_a_case(http: aiohttp.ClientSession, url: str) -> None:
    """Its page has a button for every case, which leads to the citizen's page; a case that does not exist is told."""
    browser = {"Accept": "text/html"}
    async with http.get(url, headers=browser) as page:
        assert 'name="testCase" value="source-down"' in await page.text()
    async with http.get(f"{url}/sandbox/style.css") as style:
        assert style.content_type == "text/css"
    case = {"testCase": "partner-mismatch"}
    async with http.post(f"{url}/sessions", data=case, headers=browser, allow_redirects=False) as answer:
        assert (answer.status, "/j/" in answer.headers["Location"]) == (303, True)
        journey = Browser(answer.headers["Location"], http)
    assert (await journey.open()).household == "couple"
    async with http.post(f"{url}/sessions", data={"testCase": "nothing"}) as answer:
        assert (answer.status, "invalid-request" in (await answer.json())["error"]) == (502, True)


async def test_the_office_runs_by_itself(tmp_path: Path) -> None:
    """Unregistered it says what to do; registered it opens a session, and what happens there comes in."""
    async with stage.running(tmp_path) as running:
        port, webhook = stage.free_port(), stage.free_port()
        environment = {
            **os.environ,
            "SANDBOX_BROKER": running.broker_url,
            "SANDBOX_PORT": str(port),
            "SANDBOX_WEBHOOK_PORT": str(webhook),
        }
        office = await asyncio.create_subprocess_exec(sys.executable, "-m", "sandbox.office", env=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            status, told = await _asked(running.http, "POST", f"{url}/sessions")
            assert (status, "registered" in told["error"]) == (502, True)
            _, text = await _asked(running.http, "GET", f"{url}/provider.toml")
            (tmp_path / "office.toml").write_text(text)
            await running.command("provider", "add", str(tmp_path / "office.toml"))
            status, created = await _asked(running.http, "POST", f"{url}/sessions")
            assert status == 201
            await Browser(created["journeyUrl"], running.http).start("single")
            told = {"received": []}
            async with asyncio.timeout(60):
                while not told["received"]:
                    _, told = await _asked(running.http, "GET", url)
            assert (told["received"][0]["kind"], told["refused"]) == ("opened", 0)
            await _opens_with_a_case(running.http, url)
        finally:
            office.terminate()
            await office.wait()
