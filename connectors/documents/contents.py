"""One file, from bytes to what it says. Runs inside the process that is made for that file and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

from pypdf.errors import LimitReachedError

from connectors.contract import Document, DocumentRefused
from connectors.documents import pdf
from connectors.documents.budget import uncounted
from connectors.documents.exchange import Refused, Seal, Task, Told
from connectors.documents.kinds import text_of
from connectors.documents.numbers import labelled_bsns, may_hold_bsn
from schemas.records import SourceRecords


def told(task: Task) -> Told | Refused:
    """What the file of `task` says, or why it cannot be used: odd files break libraries in any way.

    Raises ImportError only: then it is the installation that is damaged.
    """
    try:
        return _told(task)
    except DocumentRefused as refused:
        return Refused(reason=refused.reason)
    except (LimitReachedError, MemoryError):
        return Refused(reason="too-slow")
    except ImportError:
        raise
    except Exception:
        return Refused(reason="damaged")


def _told(task: Task) -> Told:
    document, text = _document(task)
    read = _reading(task.source)
    records = read(document)
    return Told(
        records=records,
        seal=_seal(task),
        bsns=labelled_bsns(text),
        may_hold_bsn=may_hold_bsn(text),
    )


def _document(task: Task) -> tuple[Document, str]:
    """The file as its source's `read` wants it, and all its text."""
    if task.media_type != "application/pdf":
        return Document(media_type=task.media_type, content=task.content), text_of(task.content)
    opened = pdf.opened(task.content, task.max_pages)
    return Document(media_type=task.media_type, content=task.content, pages=opened.pages), opened.text()


def _seal(task: Task) -> Seal | None:
    if task.media_type != "application/pdf" or not pdf.has_seal(task.content):
        return "none"
    if not task.trust:
        return None
    with uncounted():
        from connectors.documents.seal import verdict  # a third of a second to load, that few files need

    return verdict(task.content, task.trust, task.signers, task.now)


def _reading(source: str) -> Callable[[Document], SourceRecords]:
    """The `read` of the source's class. Raises DocumentRefused (not-supported) when it has none."""
    with uncounted():
        from connectors.registry import default_registry  # every source with it: not for files that are refused unread

        registry = default_registry()
    read: Callable[[Document], SourceRecords] | None = getattr(registry.connector_class(source), "read", None)
    if read is None:
        raise DocumentRefused("not-supported")
    return read
