"""Workers, forked from this process; those of real guests are tested in vm/test_file_*.py and vm/security."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from archive.trees import fd_count
from hatchway.archive.member import ArchiveError
from hatchway.archive.pack import FileShrank
from hatchway.vm.sandbox import frames, guest_worker
from hatchway.vm.sandbox.guest_worker import Outlet, Workers


class Forked:
    """Workers of a test, and what they say."""

    def __init__(self) -> None:
        self.workers = Workers()
        self.fds: list[int] = []

    def start(self, work: Callable[[Outlet, int], None], *kept: int, takes_input: bool = False) -> None:
        self.workers.start(work, self.fds, kept, takes_input=takes_input)

    def hear(self) -> list[tuple[bytes, bytes]]:
        """All that the last worker says until its end."""
        parser = frames.FrameParser()
        heard: list[tuple[bytes, bytes]] = []
        while data := os.read(self.fds[0], 100_000):
            heard += parser.feed(data)
        return heard

    def close_fds(self) -> None:
        while self.fds:
            os.close(self.fds.pop())

    def wait(self) -> list[int]:
        """Wait until all have ended; their wait statuses."""
        statuses = []
        for pid in list(self.workers.pids):
            statuses.append(os.waitpid(pid, 0)[1])
            self.workers.ended(pid)
        return statuses


@pytest.fixture
def forked() -> Iterator[Forked]:
    before = fd_count()
    made = Forked()
    yield made
    made.close_fds()
    for pid in made.workers.pids:
        os.kill(pid, signal.SIGKILL)
    made.wait()
    assert fd_count() == before


def test_what_is_told_arrives(forked: Forked) -> None:
    def work(outlet: Outlet, _inlet: int) -> None:
        outlet.entry("file", 5, b"a")
        outlet.entry("directory", 0, b"b")
        outlet.data(b"x" * (frames.MAX_FRAME_BYTES + 1))
        outlet.end(entries=outlet.entries)

    forked.start(work)
    heard = forked.hear()
    (entries,) = (frames.decode_entries(payload) for kind, payload in heard if kind == frames.ENTRIES)
    assert entries == [("file", 5, b"a"), ("directory", 0, b"b")]
    assert [len(payload) for kind, payload in heard if kind == frames.DATA] == [frames.MAX_FRAME_BYTES, 1]
    assert (heard[-1][0], json.loads(heard[-1][1])) == (frames.END, {"entries": 2})
    assert forked.wait() == [0]
    assert forked.workers.pids == set()


def test_input_comes_through(forked: Forked) -> None:
    def work(outlet: Outlet, inlet: int) -> None:
        while data := os.read(inlet, 1000):
            outlet.data(data)

    forked.start(work, takes_input=True)
    os.write(forked.fds[1], b"input")
    os.close(forked.fds.pop())
    assert forked.hear() == [(frames.DATA, b"input")]


def test_it_keeps_nothing_but_what_it_needs(forked: Forked) -> None:
    read, write = os.pipe()
    secret = os.open("/etc/hostname", os.O_RDONLY)

    def work(outlet: Outlet, _inlet: int) -> None:
        # The last is the folder that is listed.
        outlet.data(json.dumps(sorted(map(int, os.listdir("/proc/self/fd")))).encode())

    forked.start(work, write)
    (kind, payload) = forked.hear()[0]
    kept = json.loads(payload)
    assert kind == frames.DATA
    assert kept[:3] == [0, 1, 2]
    assert write in kept
    assert read not in kept
    assert secret not in kept
    assert len(kept) == 3 + 2 + 1
    for fd in (read, write, secret):
        os.close(fd)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), {"errno": errno.ENOSPC, "what": "", "fault": ""}),
        (OSError(errno.EISDIR, "move"), {"errno": errno.EISDIR, "what": "move", "fault": ""}),
        (ArchiveError("cut"), {"errno": errno.EINVAL, "what": "", "fault": "cut"}),
        (FileShrank(b"path"), {"errno": errno.EIO, "what": "shrank", "fault": ""}),
    ],
)
def test_what_goes_wrong_is_told(forked: Forked, error: Exception, expected: dict[str, object]) -> None:
    def work(_outlet: Outlet, _inlet: int) -> None:
        raise error

    forked.start(work)
    ((kind, payload),) = forked.hear()
    assert kind == frames.FAILURE
    assert json.loads(payload) == {**expected, "done": []}


def test_a_fault_of_ours_is_an_end_without_a_word(forked: Forked) -> None:
    def work(outlet: Outlet, _inlet: int) -> None:
        outlet.data(b"begun")
        raise RuntimeError

    forked.start(work)
    assert forked.hear() == [(frames.DATA, b"begun")]
    assert forked.wait() == [0]


def test_one_that_writes_ends_when_nobody_reads(forked: Forked) -> None:
    def work(outlet: Outlet, _inlet: int) -> None:
        while True:
            outlet.data(b"x" * 1000)

    forked.start(work)
    os.read(forked.fds[0], 10)
    forked.close_fds()
    assert forked.wait() == [0]


def test_one_that_says_nothing_ends_when_nobody_waits(forked: Forked) -> None:
    def work(outlet: Outlet, _inlet: int) -> None:
        while True:
            outlet.check()

    forked.start(work)
    forked.close_fds()
    assert forked.wait() == [0]


def test_entries_are_not_held_for_long(forked: Forked) -> None:
    def work(outlet: Outlet, inlet: int) -> None:
        outlet.entry("file", 1, b"first")
        os.read(inlet, 1)  # until the test has seen to it that time has passed
        outlet._last -= 1
        outlet.entry("file", 1, b"second")
        os.read(inlet, 1)

    forked.start(work, takes_input=True)
    os.write(forked.fds[1], b"x")
    ((kind, payload),) = frames.FrameParser().feed(os.read(forked.fds[0], 1000))
    assert kind == frames.ENTRIES
    assert [path for _, _, path in frames.decode_entries(payload)] == [b"first", b"second"]


def test_there_are_only_so_many(forked: Forked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_worker, "MAX_WORKERS", 2)

    def work(_outlet: Outlet, inlet: int) -> None:
        os.read(inlet, 1)

    for _ in range(2):
        forked.start(work, takes_input=True)
    before = fd_count()
    with pytest.raises(OSError, match="workers") as caught:
        forked.start(work, takes_input=True)
    assert caught.value.errno == errno.EMFILE
    assert fd_count() == before
    forked.close_fds()
    forked.wait()
    forked.start(work, takes_input=True)


def test_a_fork_that_fails_leaves_nothing(forked: Forked, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_fork() -> int:
        raise OSError(errno.EAGAIN, "no")

    before = fd_count()
    monkeypatch.setattr(os, "fork", no_fork)
    with pytest.raises(OSError):
        forked.start(lambda _outlet, _inlet: None, takes_input=True)
    assert fd_count() == before
    assert forked.workers.pids == set()
