"""Ask pip-audit about a lock file, and count what it could not check: by itself it calls that "no vulnerabilities".

Usage: audit.py LOCK. Ends with 0 when nothing is known against what was checked, 1 when something is, 2 when nothing
could be checked at all.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any


def locked_names(lock: Path) -> set[str]:
    """The packages a lock file names, those for other platforms included."""
    return set(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==", lock.read_text(encoding="utf-8"), re.MULTILINE))


def ask(lock: Path) -> list[dict[str, Any]]:
    """What pip-audit says of each package. Raises SystemExit(2) when it gives no answer."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 (our own words only)
    try:
        return json.loads(answer.stdout)["dependencies"]
    except ValueError:
        print(answer.stderr.strip()[-600:], file=sys.stderr)
        print(f"Nothing of {lock} was checked: pip-audit gave no answer.", file=sys.stderr)
        raise SystemExit(2) from None


def main() -> int:
    lock = Path(sys.argv[1])
    checked = {entry["name"]: entry["vulns"] for entry in ask(lock) if "vulns" in entry}
    unchecked = sorted(locked_names(lock) - checked.keys())
    known = [(name, vulnerability) for name, found in sorted(checked.items()) for vulnerability in found]
    for name, vulnerability in known:
        print(
            f"{name}: {vulnerability['id']}, mended in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        )
    print(f"{lock}: {len(checked)} checked, {len(known)} known vulnerabilities, {len(unchecked)} could not be checked.")
    if unchecked:
        print("Not checked (unknown to the service, or for another platform):", ", ".join(unchecked))
    return 2 if not checked else bool(known)


if __name__ == "__main__":
    sys.exit(main())
