"""The shells that are open in one VM."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterable

from hatchway.errors import Conflict, HatchwayError, NotFound, Unavailable
from hatchway.vm.arguments import ENVIRONMENT, check_arguments
from hatchway.vm.background import Background
from hatchway.vm.event_log import EventLog
from hatchway.vm.guest_errors import starting
from hatchway.vm.output_share import OutputShare
from hatchway.vm.records import Exit, ShellInfo, ShellRequest
from hatchway.vm.sandbox.channel import Answer, Channel, GuestRefusal
from hatchway.vm.shell import Shell, is_master, shell_not_found

MAX_SHELLS = 64
"""How many may be open in a VM at once."""
KEPT_ENDED = 100
"""How many of those that have ended are remembered."""
SHARE_BYTES = 64 * 1024
"""What is read of all of them in each period of `OutputShare`: 16 MB/s, since each piece is an event that is kept."""
GRACE_SECONDS = 2.0
"""How long one that is closed may take to end."""

_TERMINAL = {"TERM": "xterm-256color"}
_DEFAULTS = ("bash", "/bin/sh")


class Shells:
    """Opens shells, knows how they are, and passes on what is meant for them."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._shells: dict[str, Shell] = {}
        self._share = OutputShare(asyncio.get_running_loop(), SHARE_BYTES)
        self._opening = 0
        self._closing = Background()
        self.event_log = EventLog()
        """Told of what they print, and of their ends."""

    def attach(self, channel: Channel) -> None:
        """Begin to use the guest's channel, once it is there."""
        self._channel = channel

    async def open(self, request: ShellRequest) -> Shell:
        """Start a program on a terminal of its own.

        Raises:
            Conflict: `too_many_shells`.
            HatchwayError: as for any command.
        """
        if len(self._open()) + self._opening >= MAX_SHELLS:
            raise Conflict("too_many_shells", f"{MAX_SHELLS} shells are open in this VM", "close one of them")
        self._opening += 1
        try:
            if request.command is not None:
                return await self._start([request.command, *request.args], request)
            for command in _DEFAULTS[:-1]:
                try:
                    return await self._start([command, *request.args], request)
                except NotFound as error:
                    if error.code != "command_not_found":
                        raise
            return await self._start([_DEFAULTS[-1], *request.args], request)
        finally:
            self._opening -= 1

    def infos(self) -> list[ShellInfo]:
        """Those that are open, and the last of them that have ended, in the order they were opened."""
        return [shell.info() for shell in self._shells.values()]

    async def write(self, shell_id: str, chunks: AsyncIterable[bytes]) -> int:
        """See `Shell.write`.

        Raises:
            NotFound: `shell_not_found`, here and wherever a shell is named.
        """
        return await self._get(shell_id).write(chunks)

    def resize(self, shell_id: str, cols: int, rows: int) -> None:
        """See `Shell.resize`."""
        self._get(shell_id).resize(cols, rows)

    async def close(self, shell_id: str) -> None:
        """End a shell: SIGHUP, as when a terminal goes away, and SIGKILL when it takes too long.

        One that has ended is closed already. What it left running in the background ends as it would with any
        terminal: unless it ignores SIGHUP.
        """
        shell = self._shells.get(shell_id)
        if shell is None:
            raise shell_not_found()
        if not shell.exit.done():
            self._closing.start(self._end(shell))  # finished, even if whoever asked does not wait
            await asyncio.shield(shell.exit)

    async def hang_up(self) -> None:
        """Send SIGHUP to all: an interactive shell ignores SIGTERM."""
        for shell in self._open():
            await self._signal(shell, signal.SIGHUP)

    def exited(self, pid: int, status: int) -> None:
        """A process has ended, with this wait status (wait(2)), maybe that of a shell. Called by the channel."""
        for shell in self._open():
            if shell.pid == pid:
                shell.end(Exit.of(status))
                self._tell_end(shell)

    def end_with_vm(self) -> None:
        """The VM has ended, and with it every shell."""
        for shell in self._open():
            shell.end_with_vm()
            self._tell_end(shell)

    # -- inside

    async def _start(self, argv: list[str], request: ShellRequest) -> Shell:
        assert self._channel is not None
        check_arguments(argv, request.env, request.cwd)
        size = request.cols, request.rows

        def take(answer: Answer, fds: list[int]) -> Shell:
            # Entered before the next message is looked at, which may be word of its exit.
            if len(fds) != 1 or not is_master(fds[0]) or answer.pid in {each.pid for each in self._open()}:
                for fd in fds:
                    os.close(fd)
                raise Unavailable("vm_failed", "the VM gave a wrong answer")
            shell = Shell(answer.pid, argv, fds[0], size, self._share, self._heard)
            self._shells[shell.id] = shell
            return shell

        def leave(shell: Shell) -> None:
            self._closing.start(self._end(shell))

        asking = self._channel.request_and_take(
            "open_shell",
            take,
            leave,  # whoever opened it was cancelled, and never learned its id
            argv=argv,
            env=ENVIRONMENT | _TERMINAL | request.env,
            cwd=request.cwd,
            cols=request.cols,
            rows=request.rows,
        )
        with starting(argv[0]):
            return await asking

    async def _end(self, shell: Shell) -> None:
        try:
            await self._signal(shell, signal.SIGHUP)
            await asyncio.wait([shell.exit], timeout=GRACE_SECONDS)
            await self._signal(shell, signal.SIGKILL)
        except HatchwayError:
            pass  # the VM has ended, and the shell with it

    async def _signal(self, shell: Shell, number: int) -> None:
        if shell.exit.done():
            return
        assert self._channel is not None
        try:
            await self._channel.request("signal", pid=shell.pid, signal=number, group=True)
        except GuestRefusal:
            pass  # it has ended meanwhile

    def _heard(self, shell: Shell, data: bytes) -> None:
        self.event_log.publish("shell_data", shell_id=shell.id, data=data)

    def _tell_end(self, shell: Shell) -> None:
        end = shell.exit.result()
        self.event_log.publish("shell_exit", shell_id=shell.id, exit_code=end.exit_code, signal=end.signal)
        ended = [each for each in self._shells.values() if each.exit.done()]
        for old in ended[:-KEPT_ENDED]:
            del self._shells[old.id]

    def _open(self) -> list[Shell]:
        return [shell for shell in self._shells.values() if not shell.exit.done()]

    def _get(self, shell_id: str) -> Shell:
        shell = self._shells.get(shell_id)
        if shell is None:
            raise shell_not_found()
        return shell
