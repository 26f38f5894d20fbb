"""Reading a QR code as a phone's camera does: from the picture of the screen, by a decoder that is not ours."""

from __future__ import annotations

import io

import zxingcpp
from PIL import Image
from playwright.async_api import Page


async def read_qr(page: Page) -> str:
    """The one QR code in a screenshot of what the page shows now. Raises AssertionError without exactly one."""
    with Image.open(io.BytesIO(await page.screenshot())) as picture:
        found = zxingcpp.read_barcodes(picture.convert("L"))
    assert len(found) == 1, f"{len(found)} QR codes on the screen"
    return found[0].text
