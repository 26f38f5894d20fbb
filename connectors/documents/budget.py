"""What the process that reads a file may use: set by that process itself, before it looks at a byte of the file.

Every limit ends the process: it has nothing to clean up, and who waits for it reads the reason from how it ended.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Generator
from contextlib import contextmanager
from math import ceil

# Of these a process dies that takes too much: time on the clock, processor time, or the kernel's patience.
OVER_BUDGET = frozenset({signal.SIGALRM, signal.SIGPROF, signal.SIGXCPU, signal.SIGKILL})

_OWN_CODE_SECONDS = 10  # a backstop for what `uncounted` leaves out
_OPEN_FILES = 32  # pipes, and the modules that are still to be loaded, one at a time


def confine(*, cpu_seconds: float, wall_seconds: float, memory_bytes: int) -> None:
    """Bind this process for good: it may read no more files than it needs, write none and start nothing."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGALRM, signal.SIGPROF, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CPU, ceil(cpu_seconds) + _OWN_CODE_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, wall_seconds)
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)


@contextmanager
def uncounted() -> Generator[None]:
    """Processor time in here is ours and not the file's: loading a library takes longer than reading a page."""
    left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, left)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
