"""Mutation testing of the parsers and the merge: does a test notice when a line of them changes?

Usage: mutants.py [--module FILE] [--sample N] [--seed N] [--least PERCENT] [--show]. mutmut changes the code in a copy,
build/mutants, and runs the tests that touch each change. Prints killed and survived per module; ends with 1 when fewer
than `--least` per cent were killed in any of them, 2 when nothing could be run. A sample is drawn over all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutants"
PACKAGES = ("broker", "connectors", "qr", "sandbox", "schemas", "sessions")
BROKER, CONNECTORS = "tests/unit/broker", "tests/unit/connectors"
_VZB = ("verzekeringsbericht", "verzekeringsbericht_lines", "verzekeringsbericht_rows")
# What is tested, by which tests: a file, or a folder with the tests of one source.
MODULES: dict[str, tuple[str, ...]] = {
    **{
        f"broker/{name}.py": (f"{BROKER}/test_{name}*.py", f"{BROKER}/test_household*.py")
        for name in ("household", "matching", "uniting", "persons", "paid_years")
    },
    "broker/review.py": (f"{BROKER}/test_review*.py", f"{BROKER}/test_household_properties.py"),
    "connectors/suwiml.py": (f"{CONNECTORS}/test_suwiml*.py", f"{CONNECTORS}/uwv", f"{CONNECTORS}/mijnoverheid"),
    "connectors/printed.py": (f"{CONNECTORS}/test_printed.py", f"{CONNECTORS}/*/test_documents.py"),
    **{
        f"connectors/{source}/{name}.py": (f"{CONNECTORS}/{source}",)
        for source, names in {
            "uwv": ("incomes", "benefits", "codes", "rhythm", *_VZB),
            "mijnoverheid": ("brp", "brp_wholeness", "brk", "woz", "rdw", "estate", "kadaster", "documents"),
            "belastingdienst": ("answer", "facts", "documents"),
            "mijnpensioenoverzicht": ("model", "wholeness", "parse", "download"),
        }.items()
        for name in names
    },
}
# Examples that are the same for every mutant, and none made smaller: whether a test fails is all that counts.
PROFILE = """
hypothesis.settings.register_profile(
    "mutants", deadline=None, derandomize=True, database=None, max_examples=25,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
hypothesis.settings.load_profile("mutants")
"""
KILLED = (1, 3, 24, 36, 152, 255, -24, -9)  # failed tests, a crash, or a time that ran out, in mutmut's exit codes
UNTOUCHED = (5, 33)  # no test runs this line


def prepare(modules: Iterable[str]) -> None:
    """A fresh copy of the code and of the tests of these modules, with mutmut's configuration."""
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", "mutants")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, COPY / name, ignore=ignored)
    shutil.copytree(ROOT / "tests", COPY / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", COPY)
    with (COPY / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(PROFILE)
    tests = sorted({str(f.relative_to(ROOT)) for m in modules for wanted in MODULES[m] for f in ROOT.glob(wanted)})
    options = {
        "source_paths": PACKAGES,
        "only_mutate": tuple(modules),
        "pytest_add_cli_args_test_selection": tests,
        "pytest_add_cli_args": ("-p", "no:cacheprovider"),
    }
    lines = ["[mutmut]", "use_git_change_detection = false", "track_dependencies = false"]
    lines += ["\n    ".join((f"{key} =", *values)) for key, values in options.items()]
    (COPY / "setup.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")


def mutmut(*words: str) -> int:
    """Run mutmut in the copy, one change at a time; what it draws on the way goes to a log beside it."""
    with (COPY / "mutmut.log").open("ab") as log:
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *words]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        return subprocess.run(command, cwd=COPY, check=False, stdout=log, stderr=log, env=environment).returncode  # noqa: S603 (our own words only)


def outcomes(module: str) -> dict[str, int | None]:
    """The exit code of each mutant of a module; None where it has not been run."""
    meta = COPY / "mutants" / f"{module}.meta"
    return json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"] if meta.is_file() else {}


def sampled(modules: Iterable[str], size: int, seed: int) -> list[str]:
    """The names of some mutants. mutmut names them all when it is asked for one there is not."""
    mutmut("no.such.mutant")
    names = sorted(name for module in modules for name in outcomes(module))
    return random.Random(seed).sample(names, min(size, len(names)))  # noqa: S311 (no secret)


def table(modules: Iterable[str], least: float, *, show: bool) -> int:
    """Print what became of the mutants. The exit code of the whole."""
    total, poor = 0, False
    print(f"{'module':<48}{'mutants':>8}{'killed':>8}{'survived':>10}{'untested':>10}{'rate':>8}")
    for module in modules:
        codes = {name: code for name, code in outcomes(module).items() if code is not None}
        killed = sum(code in KILLED for code in codes.values())
        untested = sum(code in UNTOUCHED for code in codes.values())
        if codes:
            rate = 100 * killed / len(codes)
            poor, total = poor or rate < least, total + len(codes)
            survived = len(codes) - killed - untested
            print(f"{module:<48}{len(codes):>8}{killed:>8}{survived:>10}{untested:>10}{rate:>7.1f}%")
        if show:
            print(*(f"  {name}" for name, code in codes.items() if code not in KILLED), sep="\n")
    if not total:
        print(f"Nothing was run; see {COPY / 'mutmut.log'}.", file=sys.stderr)
        return 2
    return int(poor)


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--module", choices=sorted(MODULES), action="append")
    asked.add_argument("--sample", type=int)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--least", type=float, default=85.0)
    asked.add_argument("--show", action="store_true", help="name the survivors (mutmut show NAME, in build/mutants)")
    options = asked.parse_args()
    modules = [module for module in options.module or MODULES if (ROOT / module).is_file()]
    prepare(modules)
    mutmut(*(sampled(modules, options.sample, options.seed) if options.sample else ()))
    return table(modules, options.least, show=options.show)


if __name__ == "__main__":
    sys.exit(main())
