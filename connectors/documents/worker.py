"""The process that reads one file: takes a task from its input, says what came of it on its output, and ends.

Starts with nothing of its parent's: no environment, no open files, no working directory, no name of a file or person.
"""

from __future__ import annotations

import sys

import msgspec

from connectors.documents.budget import confine
from connectors.documents.contents import told
from connectors.documents.exchange import Refused, Task


def main() -> None:
    """Read one Task, and answer it with Told or Refused."""
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    confine(cpu_seconds=task.cpu_seconds, wall_seconds=task.wall_seconds, memory_bytes=task.memory_bytes)
    try:
        answer = msgspec.msgpack.encode(told(task))
    except MemoryError:
        answer = msgspec.msgpack.encode(Refused(reason="too-slow"))
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
