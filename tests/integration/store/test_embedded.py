"""The embedded store, with the real server and real processes: how it starts, is shared, ends and survives."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from sessions.store import embedded
from sessions.store.embedded import EmbeddedError
from tests.stores import gone, wait_until

_ROOT = Path(__file__).resolve().parents[3]

# A process that holds a store until its input ends; says whether it owns it. Ctrl-C makes it use the store once more.
_HOLDER = """
import sys
from pathlib import Path
from redis import Redis
from sessions.store import embedded
with getattr(embedded, sys.argv[2])(Path(sys.argv[1])) as store:
    try:
        print(store.owned, flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        print(Redis(unix_socket_path=str(store.socket)).set("after", "ctrl-c"), flush=True)
"""


@contextmanager
def _holder(data_dir: Path, way: str = "adopt_or_start") -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(data_dir), way],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT), "OPHAALBRUG_SECRET": "not-for-the-store"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.communicate(timeout=30)


def _client(data_dir: Path) -> Redis:
    return Redis(unix_socket_path=str(embedded.socket_path(data_dir)))


def _server_pid(data_dir: Path) -> int:
    return int((data_dir / "store.pid").read_text())


def _parent(pid: int) -> int:
    """The guard of a server."""
    return int(subprocess.check_output(["ps", "-o", "ppid=", "-p", str(pid)], text=True))


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_listens_on_a_private_socket_only(tmp_path: Path) -> None:
    """No TCP port; the socket and everything beside it are for this user alone."""
    with embedded.start(tmp_path / "data") as store, _client(tmp_path / "data") as client:
        assert client.config_get("port")["port"] == "0"
        assert stat.S_IMODE(store.socket.stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "data" / "appendonlydir").iterdir())


def test_writes_are_durable_and_nothing_is_quoted_in_logs(tmp_path: Path) -> None:
    """Every write is fsynced before its answer; no snapshot, no compression, no command log, no eviction."""
    expected = {
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "rdbcompression": "no",
        "slowlog-log-slower-than": "-1",
        "commandlog-request-larger-than": "-1",
        "commandlog-reply-larger-than": "-1",
        "crash-log-enabled": "no",
        "hide-user-data-from-log": "yes",
        "maxmemory-policy": "noeviction",
    }
    with embedded.start(tmp_path), _client(tmp_path) as client:
        assert client.config_get(*expected) == expected


def test_config_adds_to_the_settings(tmp_path: Path) -> None:
    """What the caller passes as config reaches the server."""
    with embedded.start(tmp_path, config={"hz": "37"}), _client(tmp_path) as client:
        assert client.config_get("hz") == {"hz": "37"}


def test_who_adopts_does_not_stop_and_who_started_does(tmp_path: Path) -> None:
    """The second caller shares the first one's server; only the first one's stop ends it, and may be repeated."""
    first = embedded.adopt_or_start(tmp_path)
    pid = _server_pid(tmp_path)
    second = embedded.adopt_or_start(tmp_path)
    assert (first.owned, second.owned, second.url) == (True, False, first.url)
    second.stop()
    assert not gone(pid)
    first.stop()
    first.stop()
    assert gone(pid)
    assert not first.socket.exists()


def test_start_never_adopts(tmp_path: Path) -> None:
    """`start` waits for the server of a passing command to leave, and says so when it does not."""
    with embedded.adopt_or_start(tmp_path), pytest.raises(EmbeddedError, match="does not leave"):
        embedded.start(tmp_path, deadline_seconds=0.1)


def test_a_service_does_not_wait_for_another(tmp_path: Path) -> None:
    """It would wait in vain. Once the other stops, or is killed, the store can be had."""
    with embedded.start(tmp_path), pytest.raises(EmbeddedError, match="in use by a service"):
        embedded.start(tmp_path)
    with _holder(tmp_path, "start") as process:
        assert _said(process) == "True"
        with pytest.raises(EmbeddedError, match="in use by a service"):
            embedded.start(tmp_path)
        process.kill()
        process.wait()
        with embedded.start(tmp_path) as store:
            assert store.owned


def test_data_survives_kill_of_the_server(tmp_path: Path) -> None:
    """After kill -9 of the server every acknowledged write is there again."""
    with embedded.start(tmp_path), _client(tmp_path) as client:
        client.set("kept", "yes")
        os.kill(_server_pid(tmp_path), signal.SIGKILL)
        with embedded.adopt_or_start(tmp_path) as again, _client(tmp_path) as anew:
            assert again.owned
            assert anew.get("kept") == b"yes"


def test_a_stale_socket_is_removed(tmp_path: Path) -> None:
    """A socket whose server and guard were killed is in nobody's way."""
    with embedded.start(tmp_path) as killed:
        pid = _server_pid(tmp_path)
        os.kill(pid, signal.SIGSTOP)  # so that it cannot clean up when its guard goes
        os.kill(_parent(pid), signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: gone(pid))
        assert killed.socket.exists()
        with embedded.adopt_or_start(tmp_path) as again, _client(tmp_path) as client:
            assert again.owned
            assert client.ping()


def test_waits_while_the_server_loads(tmp_path: Path) -> None:
    """A server that answers LOADING is not ready yet: start returns when the data is there."""
    with embedded.start(tmp_path), _client(tmp_path) as client:
        client.mset({f"key-{number}": "x" * 100 for number in range(2000)})
    slow = {"key-load-delay": "200", "loading-process-events-interval-bytes": "1024"}
    with embedded.start(tmp_path, config=slow), _client(tmp_path) as client:
        assert client.dbsize() == 2000
        assert client.info("persistence")["loading"] == 0
    assert "DB loaded" in (tmp_path / "store.log").read_text()


def test_a_failed_start_shows_the_servers_words(tmp_path: Path) -> None:
    """The error carries the server's last log lines, and nothing stays behind."""
    with pytest.raises(EmbeddedError, match=r"(?s)stopped while starting.*FATAL CONFIG FILE ERROR.*maxmemory"):
        embedded.start(tmp_path, config={"maxmemory": "nonsense"})
    with embedded.start(tmp_path) as store:
        assert store.owned


def test_a_server_that_does_not_answer_is_not_run_over(tmp_path: Path) -> None:
    """A frozen server keeps its data directory: the caller gets an error after the deadline, not a second server."""
    with embedded.start(tmp_path):
        pid = _server_pid(tmp_path)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(EmbeddedError, match="does not answer"):
                embedded.adopt_or_start(tmp_path, deadline_seconds=0.2)
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_long_path_gets_a_short_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the path would pass 107 bytes the socket lies in a private directory of ours, and all works the same."""
    data_dir = tmp_path / ("d" * 60) / ("e" * 60)
    runtime = tempfile.TemporaryDirectory()  # not below tmp_path, which may be long itself
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime.name)
    with runtime, embedded.start(data_dir) as store, _client(data_dir) as client:
        assert client.ping()
        assert len(os.fsencode(store.socket)) <= 107
        assert stat.S_IMODE(store.socket.parent.stat().st_mode) == 0o700
        assert not embedded.adopt_or_start(data_dir).owned


@pytest.mark.parametrize("trap", ["open", "link"])
def test_a_prepared_runtime_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str) -> None:
    """In a directory all may write to, somebody may have put ours before: open to others or a link, it is not used."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    ours = tmp_path / f"ophaalbrug-{os.getuid()}"
    if trap == "open":
        ours.mkdir()
        ours.chmod(0o777)
    else:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        ours.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EmbeddedError, match="not a private directory"):
        embedded.start(tmp_path / ("d" * 120))


def test_starters_do_not_race(tmp_path: Path) -> None:
    """Of several processes that start at the same moment exactly one owns the server; the others adopt it."""
    with _holder(tmp_path) as one, _holder(tmp_path) as two, _holder(tmp_path) as three:
        assert sorted(_said(process) for process in (one, two, three)) == ["False", "False", "True"]
        assert (tmp_path / "store.log").read_text().count("Ready to accept connections") == 1


def test_survives_ctrl_c_of_the_terminal(tmp_path: Path) -> None:
    """Ctrl-C reaches the whole process group of the broker, but not its store: it can finish its work."""
    with _holder(tmp_path) as process:
        assert _said(process) == "True"
        os.killpg(process.pid, signal.SIGINT)
        assert _said(process) == "True"
    with embedded.start(tmp_path), _client(tmp_path) as client:
        assert client.get("after") == b"ctrl-c"


def test_no_orphan_after_kill_of_the_owner(tmp_path: Path) -> None:
    """After kill -9 of the owner the server ends by itself; the next one finds all data."""
    with _holder(tmp_path) as process:
        assert _said(process) == "True"
        pid = _server_pid(tmp_path)
        with _client(tmp_path) as client:
            client.set("kept", "yes")
        process.kill()
        process.wait()
        # At once, while the old server may still be leaving: a new one is started, the old one never adopted.
        with embedded.adopt_or_start(tmp_path) as store, _client(tmp_path) as client:
            assert store.owned
            assert gone(pid)
            assert client.get("kept") == b"yes"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prctl(PR_SET_PDEATHSIG), which is Linux only")
def test_no_orphan_after_kill_of_the_guard(tmp_path: Path) -> None:
    """Should the guard itself be killed, the kernel stops the server."""
    with embedded.start(tmp_path):
        pid = _server_pid(tmp_path)
        os.kill(_parent(pid), signal.SIGKILL)
        wait_until(lambda: gone(pid))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc/<pid>/environ, which is Linux only")
def test_the_brokers_settings_stay_out_of_the_servers_environment(tmp_path: Path) -> None:
    """Secrets in OPHAALBRUG_… variables are not handed to the server process."""
    with _holder(tmp_path) as process:
        assert _said(process) == "True"
        assert b"OPHAALBRUG" not in Path(f"/proc/{_server_pid(tmp_path)}/environ").read_bytes()
