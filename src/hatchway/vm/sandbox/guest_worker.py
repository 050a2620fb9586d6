"""Work of guest init that takes long, in children of its own: PID 1 itself must always have time for the server.

A worker is guest init forked: no program is executed, nothing is imported. It keeps no descriptor but its pipes and
what its work is about, it is not dumpable, as guest init is not, and it has no more rights than any process of the VM.
What it has to say goes into a pipe whose other end is the server's. When the server lets go of that, the worker ends.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from collections.abc import Callable, Collection, Sequence
from typing import NoReturn

from hatchway.archive.descent import EntryKind
from hatchway.archive.member import ArchiveError
from hatchway.archive.pack import FileShrank
from hatchway.vm.sandbox import frames, syscalls, wire
from hatchway.vm.sandbox.descriptors import close_fds_except

MAX_WORKERS = 16
"""How many work at the same time in one VM."""

_BATCH_BYTES = 32 * 1024
_BATCH_SECONDS = 0.1
_STEPS_PER_CHECK = 64


class Outlet:
    """The worker's end of the pipe to the server."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, 0)  # for its errors alone, such as that nobody reads it (poll(2))
        self._entries = bytearray()
        self._last = time.monotonic()
        self._steps = 0
        self.entries = 0
        """How many entries have been told."""

    def check(self) -> None:
        """To be called at each step of long work that says nothing.

        Raises:
            BrokenPipeError: nobody waits for the work any more.
        """
        self._steps += 1
        if self._steps % _STEPS_PER_CHECK == 0 and self._poll.poll(0):
            raise BrokenPipeError

    def entry(self, kind: EntryKind, size: int, path: bytes) -> None:
        """Tell of something in a folder. Several are told together, but none is held for long."""
        self._entries += frames.encode_entry(kind, size, path)
        self.entries += 1
        if len(self._entries) >= _BATCH_BYTES or time.monotonic() - self._last > _BATCH_SECONDS:
            self._flush()

    def data(self, data: bytes) -> None:
        """Bytes of an archive."""
        for start in range(0, len(data), frames.MAX_FRAME_BYTES):
            self._write(frames.DATA, data[start : start + frames.MAX_FRAME_BYTES])

    def end(self, **done: int) -> None:
        """The work is done."""
        self._flush()
        self._write(frames.END, wire.encode(done))

    def fail(self, number: int, what: str = "", fault: str = "", done: Sequence[int] = ()) -> None:
        """The work could not be done.

        Args:
            number: an errno.
            what: which part of it, as one word.
            fault: what is wrong with an archive, as one word.
            done: how many entries and bytes were unpacked before.
        """
        self._flush()
        self._write(
            frames.FAILURE, wire.encode({"errno": number, "what": what, "fault": fault, "done": list(done)})
        )

    def _flush(self) -> None:
        if self._entries:
            self._write(frames.ENTRIES, bytes(self._entries))
            self._entries.clear()
        self._last = time.monotonic()

    def _write(self, kind: bytes, payload: bytes) -> None:
        view = memoryview(frames.encode_frame(kind, payload))
        while view:
            view = view[os.write(self._fd, view) :]


Work = Callable[[Outlet, int], None]
"""Given the pipe to the server, and the one from it (-1 if there is none). It tells the end, or raises an OSError."""


class Workers:
    """The workers of a guest."""

    def __init__(self) -> None:
        self.pids: set[int] = set()

    def start(
        self, work: Work, reply_fds: list[int], kept: Collection[int] = (), *, takes_input: bool = False
    ) -> None:
        """Fork a worker.

        Args:
            work: what it does.
            reply_fds: gets the server's ends of the pipes: the worker's output, then its input.
            kept: the descriptors that the work needs. They stay open here too.
            takes_input: whether the server sends something.

        Raises:
            OSError: EMFILE `workers`: there are too many. EAGAIN or ENOMEM: the VM is at its limit.
        """
        if len(self.pids) >= MAX_WORKERS:
            raise OSError(errno.EMFILE, "workers")
        pipes = [os.pipe2(os.O_CLOEXEC)]
        theirs = [pipes[0][1]]
        if takes_input:
            pipes.append(os.pipe2(os.O_CLOEXEC))
            theirs.append(pipes[1][0])
        try:
            pid = os.fork()
        except OSError:
            for pipe in pipes:
                os.close(pipe[0])
                os.close(pipe[1])
            raise
        if pid == 0:
            _live(work, theirs, kept)
        for fd in theirs:
            os.close(fd)
        reply_fds.append(pipes[0][0])
        if takes_input:
            reply_fds.append(pipes[1][1])
        self.pids.add(pid)

    def ended(self, pid: int) -> None:
        """A process has ended; it may be a worker."""
        self.pids.discard(pid)


def _live(work: Work, pipes: list[int], kept: Collection[int]) -> NoReturn:
    """The life of a worker."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        close_fds_except(0, 1, 2, *pipes, *kept)
        syscalls.set_process_name("hatchway-worker")
        outlet = Outlet(pipes[0])
        try:
            work(outlet, pipes[1] if len(pipes) > 1 else -1)
        except BrokenPipeError:
            pass  # nobody waits for it any more
        except ArchiveError as error:
            outlet.fail(errno.EINVAL, fault=error.fault)
        except FileShrank:
            outlet.fail(errno.EIO, "shrank")
        except OSError as error:
            outlet.fail(error.errno or errno.EIO, _word(error))
    finally:
        os._exit(0)


def _word(error: OSError) -> str:
    """The short word that our own errors have in place of the system's text."""
    return error.strerror if error.strerror in {"kind", "folder", "exists", "move"} else ""
