"""A broker that is reached under another address than it listens on, as behind a proxy with TLS."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from sandbox import stage
from sandbox.browser import Browser
from sandbox.phone import Phone


async def test_everything_names_the_addresses_it_is_reached_under(tmp_path: Path) -> None:
    """Journey link, QR code, login and the way back: none of them leads to where a process happens to listen."""
    broker, world, office = (stage.free_port() for _ in range(3))
    addresses = (f"http://localhost:{broker}", f"http://localhost:{world}")
    async with stage.running(tmp_path, ports=(broker, world, office), addresses=addresses, worker_apart=False) as run:
        created = await run.backoffice.create_session("bijstand", household="single")
        assert created.journey_url.startswith(addresses[0])
        browser, phone = Browser(created.journey_url, run.http), Phone(run.broker_url, run.http)
        await browser.start()
        shown = await browser.show_token()
        assert shown.url.startswith(f"{addresses[0]}/phone#")
        paired = await phone.pair(token=urlsplit(shown.url).fragment)
        await browser.type_code(paired.pairing_code)
        login = await phone.login("applicant", "uwv")
        assert login is not None
        assert login.startswith(f"{addresses[1]}/digid/authorize")
        assert f"localhost%3A{broker}%2Fphone%2Fterug" in login
