"""UWV by the rules for every connector, on answers of both services."""

from __future__ import annotations

from connectors.testing import Case, ConnectorConformance, Exchange
from connectors.uwv import Uwv
from tests.integration.connectors.recordings import BSN, NOW, recording


def both(incomes: str, benefits: str) -> tuple[Exchange, ...]:
    """The two questions, with these answers."""
    return (
        Exchange("POST", "/incomes", recording("uwv", incomes), when=b"UWVPersoonsIkvInfo"),
        Exchange("POST", "/benefits", recording("uwv", benefits), when=b"UWVPersoonsWvInfo"),
    )


class TestUwv(ConnectorConformance):
    """Work, four-weekly work with a correction, a benefit, and nothing at all."""

    connector = Uwv
    bsn = BSN
    now = NOW
    cases = (
        Case("work-and-benefit", "found", both("inkomsten-work.xml", "uitkeringen.xml")),
        Case("four-weekly", "found", both("inkomsten-four-weekly.xml", "uitkeringen-none.xml")),
        Case("nothing", "absent", both("inkomsten-none.xml", "uitkeringen-none.xml")),
    )

    def settings(self, url: str) -> dict[str, str]:
        """Both services on one host."""
        return {"incomes_url": f"{url}/incomes", "benefits_url": f"{url}/benefits", "api_key": "KEY"}
