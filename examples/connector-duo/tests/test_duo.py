"""The DUO connector, by the rules every connector is held to."""

from collections.abc import Iterable
from pathlib import Path

from ophaalbrug_duo import Duo, Reply

from connectors.testing import Case, ConnectorConformance, Exchange, paths_of

ANSWERS = Path(__file__).parent / "answers"
DENIED = b'{"data": null, "errors": [{"message": "Geen toegang"}]}'


def asked(answer: bytes | Path, status: int = 200) -> tuple[Exchange, ...]:
    """The one question there is, with this answer."""
    return (Exchange("POST", "/graphql", answer, status),)


class TestDuo(ConnectorConformance):
    """Loans, no loans, somebody unknown, and what goes wrong."""

    connector = Duo
    cases = (
        Case("loans", "found", asked(ANSWERS / "loans.json")),
        Case(
            "no-loans",
            "absent",
            asked(b'{"data": {"ingeschrevenPersoon": {"bsn": "999990019", "heeftStudieLening": []}}}'),
        ),
        Case("unknown", "absent", asked(b'{"data": {"ingeschrevenPersoon": null}}')),
        Case("denied", "unavailable", asked(DENIED)),
        Case("no-such-key", "refused", asked(b"", status=401)),
    )

    def settings(self, url: str) -> dict[str, str]:
        return {"url": f"{url}/graphql", "api_key": "KEY"}

    def asked(self, exchange: Exchange) -> Iterable[str]:
        del exchange
        return paths_of(Reply)
