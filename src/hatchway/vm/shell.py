"""One shell: a program on a pseudo-terminal (pty(7)) inside a VM, of which the server holds the master.

What the program prints is always read, so that it never waits for a reader, and told as events.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import stat
import struct
import termios
import time
from collections.abc import AsyncIterable, Callable

from hatchway.errors import Conflict, HatchwayError, NotFound
from hatchway.vm.input import InputPipe, Refusal
from hatchway.vm.output_share import OutputShare
from hatchway.vm.records import Exit, ShellInfo
from hatchway.vm.sandbox.channel import vm_stopped

_READ_BYTES = 32 * 1024
"""How much is told in one event; the kernel gives about 4 KB at a time."""
_LAST_BYTES = 256 * 1024
"""How much at most is read of a shell that has ended: what it left running may print for ever."""
_REST_SECONDS = 0.1
"""How long a terminal that no process has open is left alone: another may open it again."""

_MASTER = os.makedev(5, 2)
"""The device of every master (Documentation/admin-guide/devices.txt: TTYAUX_MAJOR, ptmx)."""


class Shell:
    """A program on its terminal.

    Args:
        pid: inside the VM.
        command: the program and its arguments.
        master: of its terminal, owned from here on.
        size: columns and rows.
        share: of its VM's shells; what is read counts for it.
        heard: told of each piece that it prints.
    """

    def __init__(
        self,
        pid: int,
        command: list[str],
        master: int,
        size: tuple[int, int],
        share: OutputShare,
        heard: Callable[[Shell, bytes], object],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.id = secrets.token_hex(10)
        self.pid = pid
        self.exit: asyncio.Future[Exit] = self._loop.create_future()
        self._command = command
        self._size = size
        self._share = share
        self._heard = heard
        self._started_at = time.time()
        self._master = master
        os.set_blocking(master, False)  # for the duplicate too
        self._input = InputPipe(os.dup(master), refusal=shell_ended)
        self._loop.add_reader(master, self._readable)

    def info(self) -> ShellInfo:
        """How it is now."""
        ended = self.exit.result() if self.exit.done() else None
        return ShellInfo(
            id=self.id,
            command=self._command,
            pid=self.pid,
            state="running" if ended is None else "exited",
            exit_code=None if ended is None else ended.exit_code,
            signal=None if ended is None else ended.signal,
            cols=self._size[0],
            rows=self._size[1],
            started_at=self._started_at,
        )

    async def write(self, chunks: AsyncIterable[bytes]) -> int:
        """Type what `chunks` yields, as fast as the terminal takes it; see `InputPipe.write`.

        Raises:
            Conflict: `shell_ended`.
        """
        return await self._input.write(chunks)

    def resize(self, cols: int, rows: int) -> None:
        """Give the terminal another size; its program is told (SIGWINCH)."""
        if self._master >= 0:
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self._size = cols, rows

    def end(self, outcome: Exit) -> None:
        """The program has ended: what it printed is told before this returns."""
        self._end(outcome, shell_ended)

    def end_with_vm(self) -> None:
        """The VM has ended, and with it the program if it still ran."""
        self._end(Exit.of(9), lambda _written: vm_stopped())

    def _end(self, outcome: Exit, refusal: Refusal) -> None:
        if self.exit.done():
            return
        left = _LAST_BYTES
        while left > 0 and (size := self._read()):
            left -= size
        self._loop.remove_reader(self._master)
        os.close(self._master)
        self._master = -1
        self._input.end(refusal)
        self.exit.set_result(outcome)

    def _readable(self) -> None:
        if self._share.is_used_up():
            self._loop.remove_reader(self._master)
            self._share.wait(self._read_on)
        else:
            self._share.spend(self._read())

    def _read_on(self) -> None:
        if self._master >= 0:
            self._loop.add_reader(self._master, self._readable)
            self._readable()

    def _read(self) -> int:
        """Read and tell what there is, up to `_READ_BYTES`; how much that was."""
        read = bytearray()
        while len(read) < _READ_BYTES:
            try:
                data = os.read(self._master, _READ_BYTES - len(read))
            except BlockingIOError:
                break
            except OSError:  # EIO: no process has the terminal open, which is not to say that none will
                data = b""
            if not data:
                self._loop.remove_reader(self._master)
                self._loop.call_later(_REST_SECONDS, self._read_on)
                break
            read += data
        if read:
            self._heard(self, bytes(read))
        return len(read)


def is_master(fd: int) -> bool:
    """Whether `fd` is the master of a pseudo-terminal."""
    status = os.fstat(fd)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == _MASTER


def shell_ended(written: int) -> HatchwayError:
    """The error for typing into a shell that has ended."""
    return Conflict("shell_ended", "the shell has ended", "open another", details={"written": written})


def shell_not_found() -> NotFound:
    """The error for an id that no open shell of the VM has."""
    return NotFound(
        "shell_not_found",
        "no shell with this id is open in this VM",
        "it may have ended, or its VM was put to sleep: list the VM's shells for those there are",
    )
