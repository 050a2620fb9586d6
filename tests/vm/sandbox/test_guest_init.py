"""Guest init's answers, one request at a time, in this process; for those in VMs see security/test_guest_init.py."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatchway.vm.sandbox import guest_init, guest_processes, wire
from hatchway.vm.sandbox.descriptors import close_fds_except
from hatchway.vm.sandbox.guest_init import GuestInit


class Asking:
    """The server's end of guest init's socket."""

    def __init__(self) -> None:
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._theirs = theirs
        self.init = GuestInit(theirs)
        self.fds: list[int] = []

    def ask(self, message: object) -> dict[str, object]:
        self.sock.send(json.dumps(message).encode())
        assert self.init._answer_one()
        return self.hear()

    def hear(self) -> dict[str, object]:
        data, self.fds = wire.receive(self.sock)
        return wire.decode(data)

    def close_fds(self) -> int:
        count = len(self.fds)
        while self.fds:
            os.close(self.fds.pop())
        return count

    def close(self) -> None:
        self.close_fds()
        self.sock.close()
        self._theirs.close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    monkeypatch.chdir(tmp_path)  # and back at the end: it goes to / itself
    monkeypatch.setattr(guest_init, "HOME", str(tmp_path))
    asking = Asking()
    yield asking
    asking.close()


def _spawn(*argv: str, **fields: object) -> dict[str, object]:
    return {"id": 1, "op": "spawn", "argv": argv, "env": {}, "cwd": None, "stdin": False} | fields


def test_a_process_and_its_end(server: Asking, tmp_path: Path) -> None:
    answer = server.ask(_spawn("sh", "-c", "pwd; read line; echo got $line >&2; exit 3", stdin=True))
    assert answer["op"] == "done"
    stdout, stderr, stdin = server.fds
    os.write(stdin, b"text\n")
    assert os.read(stdout, 1000) == f"{tmp_path}\n".encode()
    assert os.read(stderr, 1000) == b"got text\n"
    os.waitid(os.P_PID, int(str(answer["pid"])), os.WEXITED | os.WNOWAIT)
    server.init._reap()
    server.close_fds()
    ended = server.hear()
    assert ended == {"op": "exited", "pid": answer["pid"], "status": 3 << 8}
    assert server.ask({"id": 2, "op": "signal", "pid": answer["pid"], "signal": 9, "group": True}) == {
        "op": "error",
        "id": 2,
        "errno": errno.ESRCH,
        "what": "process",
    }


def test_a_signal_reaches_the_whole_group(server: Asking) -> None:
    answer = server.ask(_spawn("sh", "-c", "sleep 1000 & echo begun; wait"))
    stdout = server.fds[0]
    assert os.read(stdout, 100) == b"begun\n"
    request = {"id": 2, "op": "signal", "pid": answer["pid"], "signal": signal.SIGKILL, "group": True}
    fds, server.fds = server.fds, []
    assert server.ask(request) == {"op": "done", "id": 2}
    assert os.read(stdout, 100) == b""  # the background process, which held it too, is gone
    os.waitid(os.P_PID, int(str(answer["pid"])), os.WEXITED | os.WNOWAIT)
    server.init._reap()
    assert server.hear()["status"] == signal.SIGKILL
    server.fds = fds


@pytest.mark.parametrize("pid", [1, 0, -1, -(2**31), 2**31 - 1])
def test_neither_itself_nor_many_at_once_are_signalled(server: Asking, pid: int) -> None:
    for group in (True, False):
        answer = server.ask({"id": 1, "op": "signal", "pid": pid, "signal": 9, "group": group})
        assert (answer["op"], answer["errno"]) == ("error", errno.ESRCH)


def test_only_a_process_of_its_own_has_a_group_to_signal(server: Asking) -> None:
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as other:
        request = {"id": 1, "op": "signal", "pid": other.pid, "signal": signal.SIGKILL}
        assert server.ask(request | {"group": True})["errno"] == errno.ESRCH
        assert other.poll() is None
        assert server.ask(request | {"group": False}) == {"op": "done", "id": 1}
        assert other.wait() == -signal.SIGKILL


def test_any_other_process_is_signalled_alone(server: Asking) -> None:
    program = "trap 'echo got it' HUP; sleep 1000 & echo $!; while :; do wait; done"
    answer = server.ask(_spawn("sh", "-c", program))
    stdout, child = server.fds[0], int(os.read(server.fds[0], 100))
    fds, server.fds = server.fds, []
    assert (
        server.ask({"id": 2, "op": "signal", "pid": child, "signal": signal.SIGHUP, "group": False})["op"]
        == "done"
    )
    request = {"id": 2, "op": "signal", "pid": answer["pid"], "signal": signal.SIGHUP, "group": True}
    assert server.ask(request)["op"] == "done"
    assert os.read(stdout, 100) == b"got it\n"  # once
    assert server.ask(request | {"signal": signal.SIGKILL})["op"] == "done"
    os.waitid(os.P_PID, int(str(answer["pid"])), os.WEXITED | os.WNOWAIT)
    server.init._reap()
    server.hear()
    server.fds = fds
    assert os.read(stdout, 100) == b""


def test_processes_come_in_pages(server: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_processes, "PAGE_PROCESSES", 1)
    first = server.ask({"id": 1, "op": "processes", "after": 0})
    second = server.ask({"id": 1, "op": "processes", "after": first["processes"][0]["pid"]})  # type: ignore[index]
    assert first["processes"] != second["processes"]
    none = server.ask({"id": 1, "op": "processes", "after": first["last"]})
    assert none["op"] == "done"


@pytest.mark.parametrize(
    ("request_", "number", "what"),
    [
        (_spawn("none"), errno.ENOENT, "command"),
        (_spawn("./none"), errno.ENOENT, "command"),
        (_spawn("./plain"), errno.EACCES, "command"),
        (_spawn("plain", env={"PATH": "."}), errno.EACCES, "command"),
        (_spawn("true", cwd="/none"), errno.ENOENT, "cwd"),
        (_spawn("true", cwd="plain"), errno.ENOTDIR, "cwd"),
        (_spawn("true", "x" * 140_000), errno.E2BIG, "command"),
        (_spawn("true", "a\0b"), errno.EINVAL, ""),
        (_spawn("true", "\ud800"), errno.EINVAL, ""),
        (_spawn(), errno.EINVAL, ""),
        ({"id": 1, "op": "nonsense"}, errno.EINVAL, ""),
        ({"id": 1, "op": "spawn"}, errno.EINVAL, ""),
        ({"id": 1, "op": "sockets", "family": 5, "count": 1}, errno.EINVAL, ""),
        ({"id": 1, "op": "open", "path": "none"}, errno.ENOENT, ""),
        ({"id": 1, "op": "commit", "handle": 7}, errno.EINVAL, ""),
        ({"id": 1, "op": "signal", "pid": 2**40, "signal": 9, "group": False}, errno.EINVAL, ""),
        ({"id": 1, "op": "signal", "pid": os.getpid(), "signal": 65, "group": False}, errno.EINVAL, ""),
        ({"id": 1, "op": "processes", "after": None}, errno.EINVAL, ""),
    ],
)
def test_a_refusal_says_why_and_leaks_nothing(
    server: Asking, tmp_path: Path, request_: dict[str, object], number: int, what: str
) -> None:
    (tmp_path / "plain").write_text("x")
    before = len(os.listdir("/proc/self/fd"))
    for stdin in (True, False):
        answer = server.ask(request_ | {"stdin": stdin})
        assert answer == {"op": "error", "id": 1, "errno": number, "what": what}
        assert server.fds == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_sockets_are_few_and_unconnected(server: Asking) -> None:
    server.ask({"id": 1, "op": "sockets", "family": 4, "count": 1000})
    assert len(server.fds) == guest_init.MAX_SOCKETS_PER_REQUEST
    with socket.socket(fileno=os.dup(server.fds[0])) as sock:
        assert (sock.family, sock.type) == (socket.AF_INET, socket.SOCK_STREAM)
        with pytest.raises(OSError, match="not connected"):
            sock.getpeername()
    server.close_fds()
    assert server.ask({"id": 2, "op": "sockets", "family": 6, "count": 1}) == {"op": "done", "id": 2}
    assert server.close_fds() == 1


def test_it_ends_when_the_server_does(server: Asking) -> None:
    server.sock.shutdown(socket.SHUT_RDWR)
    assert server.init._answer_one() is False


@pytest.mark.parametrize("asked", [False, True])
def test_what_was_being_written_goes_with_the_server(server: Asking, tmp_path: Path, asked: bool) -> None:
    """Also where it went with a question unanswered, whose answer has nobody to go to."""
    (tmp_path / "file").write_text("old")
    create = {"op": "create", "path": str(tmp_path / "file"), "mode": None, "parents": False}
    assert server.ask({"id": 1} | create)["op"] == "done"
    assert len(list(tmp_path.iterdir())) == 2
    if asked:
        server.sock.send(json.dumps({"id": 2} | create).encode())
    server.close_fds()
    server.sock.close()
    handler = signal.getsignal(signal.SIGCHLD)
    try:
        with pytest.raises(BrokenPipeError) if asked else contextlib.nullcontext():
            server.init.serve()
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, handler)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_command_is_found_as_a_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, mode in (("a/tool", 0o644), ("b/tool", 0o755), ("c/tool", 0o755), ("here", 0o755)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(mode)
    (tmp_path / "a" / "folder").mkdir()
    base = os.fsencode(tmp_path)
    path = b":".join([base + b"/none", base + b"/a", base + b"/b", base + b"/c"])
    assert guest_init._find_program(b"tool", path) == base + b"/b/tool"
    assert guest_init._find_program(b"x/tool", path) == b"x/tool"
    monkeypatch.chdir(tmp_path)
    assert guest_init._find_program(b"here", b":" + path) == b"./here"
    for missing in (b"folder", b"none"):
        with pytest.raises(FileNotFoundError, match="command"):
            guest_init._find_program(missing, path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.sets(st.sampled_from(range(20)), max_size=6))
def test_every_fd_but_those_kept_is_closed(kept: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    closed: set[int] = set()

    def close_range(low: int, high: int) -> None:
        assert low < high
        closed.update(range(low, min(high, 1000)))

    with monkeypatch.context() as patch:
        patch.setattr(os, "closerange", close_range)
        close_fds_except(*kept)
    assert closed == set(range(1000)) - kept
