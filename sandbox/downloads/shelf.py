"""Which files there are for whom: what every persona would find at the real sites, made up from the same facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sandbox.downloads import homes, pensions, tax, uwv
from sandbox.downloads.authority import Authority
from sandbox.downloads.file import Download
from sandbox.downloads.paper import Paper
from sandbox.downloads.uwv import AS_PRINTED, Layout
from sandbox.personas import Seat


def downloads(seat: Seat, *, authority: Authority, today: date) -> tuple[Download, ...]:
    """Everything the person in `seat` can download on `today`, each PDF sealed for its site by `authority`.

    A site that knows nothing of them has no file for them, except the pension register, whose overview is empty then.
    """
    return (*pensions.files(seat, today), *(_sealed(paper, authority) for paper in papers(seat, today)))


def download(seat: Seat, name: str, *, authority: Authority, today: date) -> Download | None:
    """The one of the `downloads` that is called `name`, the only one to be sealed then."""
    for file in pensions.files(seat, today):
        if file.name == name:
            return file
    return next((_sealed(paper, authority) for paper in papers(seat, today) if paper.name == name), None)


def _sealed(paper: Paper, authority: Authority) -> Download:
    return paper.file(authority.seal(paper.content(), paper.source))


def papers(seat: Seat, today: date, layout: Layout = AS_PRINTED) -> Iterator[Paper]:
    """The PDFs of the person in `seat`, not sealed yet; `layout` is that of the Verzekeringsbericht."""
    yield from uwv.papers(seat, today, layout)
    yield from tax.papers(seat, today)
    yield from homes.papers(seat, today)
