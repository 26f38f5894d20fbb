"""For providers' back offices: open sessions at an Ophaalbrug broker, receive what citizens consented to, prove it.

`Account` says who you are; `Client` (blocking) and `aio.AsyncClient` do the calls. Both share one core without I/O:
`conversations` and `receiving`. Knows nothing of the broker's own code.
"""

from ophaalbrug_provider.account import Account
from ophaalbrug_provider.client import Client
from ophaalbrug_provider.errors import ApiError, NoKey, ToolkitError, Unreachable, Unreadable, Untrusted
from ophaalbrug_provider.keys import PrivateKey
from ophaalbrug_provider.messages import (
    Attempt,
    Created,
    Delivery,
    DeliveryPage,
    Document,
    Event,
    Invitation,
    Listed,
    NewSession,
    Opened,
    Page,
    Profile,
    PurgeReceipt,
    Receipts,
    Secret,
    SessionView,
    Text,
    Trial,
    Webhook,
)
from ophaalbrug_provider.receiving import (
    Again,
    Arrival,
    AsyncInbox,
    Dropped,
    Heard,
    Inbox,
    Kept,
    Latest,
    Outcome,
    Refused,
)
from ophaalbrug_provider.webhooks import new_secret

__all__ = [
    "Account",
    "Again",
    "ApiError",
    "Arrival",
    "AsyncInbox",
    "Attempt",
    "Client",
    "Created",
    "Delivery",
    "DeliveryPage",
    "Document",
    "Dropped",
    "Event",
    "Heard",
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
    "Profile",
    "PurgeReceipt",
    "Receipts",
    "Refused",
    "Secret",
    "SessionView",
    "Text",
    "ToolkitError",
    "Trial",
    "Unreachable",
    "Unreadable",
    "Untrusted",
    "Webhook",
    "new_secret",
]
