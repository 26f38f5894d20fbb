"""For providers' back offices: open sessions at an Ophaalbrug broker, receive what citizens consented to, prove it.

`Account` says who you are; `Client` (blocking) and `aio.AsyncClient` do the calls. Both share one core without I/O:
`conversations` and `receiving`. Knows nothing of the broker's own code.
"""

from ophaalbrug_provider.account import Account
from ophaalbrug_provider.client import Client
from ophaalbrug_provider.errors import ApiError, NoKey, ToolkitError, Unreachable, Unreadable, Untrusted
from ophaalbrug_provider.keys import PrivateKey
from ophaalbrug_provider.messages import (
    Created,
    Document,
    Event,
    Invitation,
    Listed,
    NewSession,
    Opened,
    Page,
    PurgeReceipt,
    Receipts,
    SessionView,
)
from ophaalbrug_provider.receiving import (
    Again,
    Arrival,
    AsyncInbox,
    Dropped,
    Inbox,
    Kept,
    Latest,
    Outcome,
    Refused,
)

__all__ = [
    "Account",
    "Again",
    "ApiError",
    "Arrival",
    "AsyncInbox",
    "Client",
    "Created",
    "Document",
    "Dropped",
    "Event",
    "Inbox",
    "Invitation",
    "Kept",
    "Latest",
    "Listed",
    "NewSession",
    "NoKey",
    "Opened",
    "Outcome",
    "Page",
    "PrivateKey",
    "PurgeReceipt",
    "Receipts",
    "Refused",
    "SessionView",
    "ToolkitError",
    "Unreachable",
    "Unreadable",
    "Untrusted",
]
