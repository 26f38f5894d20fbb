"""The table of the fault suite: every cell says which fault struck before which step, and what came of it.

A test notes its cell with the `cell` fixture; the table is printed when all are done, and written into the page named
with `--page`, between its marks.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.faults.scene import Verdict
from tests.faults.verdicts import outcome_of, worked

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
HEAD = "| fault | struck at | outcome | sent | left | service memory |\n|---|---|---|---|---|---|"

Note = Callable[[str, str, Verdict], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", type=Path, help="Markdown page to write the table of faults into.")


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> Note:
    """Note a cell of the table, and hold its verdict against what must always be so."""

    def note(fault: str, step: str, verdict: Verdict) -> None:
        row = [fault, step, outcome_of(verdict), str(verdict.attempts), _left(verdict), str(verdict.broker_memory)]
        request.node.user_properties.append(("cell", row))
        worked(verdict)

    return note


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of its own for a scene; paths of pytest's are too long for sockets, and are kept."""
    with tempfile.TemporaryDirectory(prefix="ophaalbrug-faults-") as made:
        yield Path(made)


def _left(verdict: Verdict) -> str:
    return str(verdict.residue + len(verdict.left) + verdict.waiting)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table, failures marked; write it when asked, if nothing failed."""
    reports = [r for key in ("passed", "failed") for r in terminalreporter.stats.get(key, []) if r.when == "call"]
    cells = [(value, report.failed) for report in reports for name, value in report.user_properties if name == "cell"]
    if not cells:
        return
    rows = sorted([*row[:2], "**FAILED** " + row[2] if failed else row[2], *row[3:]] for row, failed in cells)
    table = "\n".join([HEAD, *(f"| {' | '.join(row)} |" for row in rows)])
    terminalreporter.section("fault × step → outcome")
    terminalreporter.write_line(table)
    failed = len(terminalreporter.stats.get("failed", [])) + len(terminalreporter.stats.get("error", []))
    skipped = len(terminalreporter.stats.get("skipped", []))
    terminalreporter.write_line(f"\n{len(rows)} cells, {failed} failed, {skipped} skipped")
    page: Path | None = config.getoption("--page")
    if page is not None and not failed:
        _write(page, f"{_run(len(rows), skipped)}\n\n{table}")


def _run(cells: int, skipped: int) -> str:
    """When, and on which commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    left_out = f", {skipped} left out" if skipped else ""
    return f"{cells} cells{left_out}, run on {datetime.now(UTC):%Y-%m-%d} at commit `{commit.stdout.strip()}`."


def _write(page: Path, text: str) -> None:
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
