"""Running commands in a VM: their output and their end."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import time
from collections.abc import AsyncGenerator

from hatchway.errors import HatchwayError, InvalidRequest, NotFound, Unavailable
from hatchway.vm.background import Background
from hatchway.vm.guest_errors import process_error
from hatchway.vm.output import InputWriter, OutputQueue
from hatchway.vm.records import Exit, ProcessEvent, ProcessInfo
from hatchway.vm.sandbox.channel import Answer, Channel, GuestRefusal
from hatchway.vm.sandbox.guest_init import DEFAULT_PATH, HOME
from hatchway.vm.tail import Tail

KEPT_EXITED = 1000
"""How many ended processes are remembered."""

ENVIRONMENT = {
    "HOME": HOME,
    "LANG": "C.UTF-8",
    "PATH": DEFAULT_PATH,
    "SHELL": "/bin/sh",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
    "USER": "root",
}
"""What every process starts with; nothing of the host's environment."""


class Process:
    """One process started in a VM."""

    def __init__(
        self,
        pid: int,
        command: list[str],
        output: OutputQueue,
        stdin: InputWriter | None,
        stderr: Tail,
        *,
        listed: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.pid = pid
        self.command = command
        self.listed = listed
        """Whether it is one that runs on by itself: listed, and remembered after its end."""
        self.left = False
        """Whether nobody reads its output any more."""
        self.started_at = time.time()
        self.started = loop.time()
        """The same by the event loop's clock, which nobody sets."""
        self.output = output
        self.stdin = stdin
        self.stderr = stderr
        """The end of what it wrote there. Kept of listed processes only."""
        self.exit: asyncio.Future[Exit] = loop.create_future()

    def info(self) -> ProcessInfo:
        """Its state now."""
        ended = self.exit.result() if self.exit.done() else None
        return ProcessInfo(
            pid=self.pid,
            command=self.command,
            state="running" if ended is None else "exited",
            exit_code=ended.exit_code if ended else None,
            signal=ended.signal if ended else None,
            started_at=self.started_at,
        )

    def end(self, outcome: Exit) -> None:
        """It has ended."""
        if not self.exit.done():
            self.exit.set_result(outcome)
            self.output.read_what_is_there()
            self.output.wake()
            if self.stdin is not None:
                self.stdin.close()


class Processes:
    """The processes that the server has started in one VM."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._processes: dict[int, Process] = {}
        self._left_behind: list[OutputQueue] = []
        self._kills = Background()

    def attach(self, channel: Channel) -> None:
        """Begin to use the guest's channel, once it is there."""
        self._channel = channel

    async def start(
        self,
        argv: list[str],
        env: dict[str, str],
        cwd: str | None,
        stdin: bytes | None = None,
        *,
        listed: bool,
    ) -> Process:
        """Start a process.

        Args:
            argv: the program and its arguments.
            env: added to `ENVIRONMENT`.
            cwd: the working directory, absolute; None: /home/user.
            stdin: its whole standard input; None: empty.
            listed: whether it runs on by itself, is in `list` and is remembered after its end. Of any other, `leave`
                must be called.

        Raises:
            HatchwayError: `command_not_found`, `cwd_not_found`, `not_executable`, `too_many_processes` and others.
        """
        assert self._channel is not None
        check_arguments(argv, env, cwd)

        def take(answer: Answer, fds: list[int]) -> Process:
            # Entered before the next message is looked at, which may be word of its exit.
            return self._enter(answer.pid, argv, fds, stdin, listed=listed)

        request = self._channel.request_and_take(
            "spawn", take, self._abandon, argv=argv, env=ENVIRONMENT | env, cwd=cwd, stdin=stdin is not None
        )
        try:
            return await request
        except GuestRefusal as refusal:
            raise process_error(refusal, argv[0]) from None
        except ValueError:
            raise InvalidRequest(
                "command_too_long",
                "the arguments and environment are over 150 KB",
                "write them to a file in the VM",
            ) from None

    def _enter(
        self, pid: int, argv: list[str], fds: list[int], stdin: bytes | None, *, listed: bool
    ) -> Process:
        earlier = self._processes.get(pid)
        expected = 2 if stdin is None else 3
        if (
            len(fds) != expected
            or not all(stat.S_ISFIFO(os.fstat(fd).st_mode) for fd in fds)
            or (earlier is not None and not earlier.exit.done())
        ):
            for fd in fds:
                os.close(fd)
            raise Unavailable("vm_failed", "the VM gave a wrong answer")
        tail = Tail()
        output = OutputQueue({"stdout": fds[0], "stderr": fds[1]}, {"stderr": tail} if listed else None)
        writer = InputWriter(fds[2], stdin) if stdin is not None else None
        process = Process(pid, argv, output, writer, tail, listed=listed)
        if earlier is not None:  # the guest's kernel uses pids again
            self._drop(earlier)
        self._processes[pid] = process
        return process

    def _abandon(self, process: Process) -> None:
        """Whoever started it was cancelled and never learned its pid."""
        process.listed = False
        self.leave(process)

    def exited(self, pid: int, status: int) -> None:
        """A process has ended, with this wait status (wait(2)). Called by the channel."""
        process = self._processes.get(pid)
        if process is None:
            return
        if os.WIFSIGNALED(status):
            process.end(Exit(exit_code=None, signal=os.WTERMSIG(status)))
        else:
            process.end(Exit(exit_code=os.WEXITSTATUS(status), signal=None))
        if process.listed:
            self._forget_oldest()
        elif process.left:
            self._drop(process)

    def get(self, pid: int) -> Process:
        """The process with this pid.

        Raises:
            NotFound: `process_not_found`.
        """
        try:
            return self._processes[pid]
        except KeyError:
            raise NotFound(
                "process_not_found",
                f"the server started no process {pid} in this VM",
                "list the VM's processes for those there are",
            ) from None

    def list(self) -> list[ProcessInfo]:
        """Those that run on by themselves, and the last ones that have ended, in the order they were started."""
        return [process.info() for process in self._processes.values() if process.listed]

    def last_listed(self) -> Process | None:
        """The one started last of those that `list` tells of."""
        return next((process for process in reversed(self._processes.values()) if process.listed), None)

    async def youngest(self) -> float | None:
        """When the youngest of all processes in the VM began that run now, by the event loop's clock.

        It need not be one of these: they start others. None: none runs but PID 1.

        Raises:
            Unavailable: `vm_stopped`.
        """
        assert self._channel is not None
        try:
            answer, fds = await self._channel.request("youngest")
        except GuestRefusal:
            answer, fds = None, []
        for fd in fds:
            os.close(fd)  # no answer to this has any
        now = asyncio.get_running_loop().time()
        if answer is not None:
            return None if answer.age is None else now - max(0.0, answer.age)
        running = [process.started for process in self._processes.values() if not process.exit.done()]
        return max(running, default=None)

    async def wait(self, pid: int) -> ProcessInfo:
        """Wait for the end of a process."""
        process = self.get(pid)
        await asyncio.shield(process.exit)
        return process.info()

    async def signal(self, pid: int, number: int) -> None:
        """Send a signal to the whole group of a process. One that has ended is none of it."""
        process = self.get(pid)
        if process.exit.done():
            return
        assert self._channel is not None
        try:
            await self._channel.request("signal", pid=pid, signal=number, group=True)
        except GuestRefusal:
            pass  # it has ended meanwhile

    async def events(self, process: Process, timeout: float | None) -> AsyncGenerator[ProcessEvent, None]:
        """The output of a process as it comes, then its end.

        It ends with the process, not with its pipes: what the process left running may hold them open for ever.

        Args:
            process: just started.
            timeout: seconds after which its whole group is killed; None: never.
        """
        timed_out = False

        def kill() -> None:
            nonlocal timed_out
            timed_out = True
            self._kill_soon(process)

        timer = asyncio.get_running_loop().call_later(timeout, kill) if timeout is not None else None
        try:
            while True:
                ended = process.exit.done()
                while (event := process.output.take()) is not None:
                    yield event
                if ended:
                    break
                await process.output.changed()
            outcome = process.exit.result()
            yield Exit(outcome.exit_code, outcome.signal, timed_out)
        finally:
            if timer is not None:
                timer.cancel()

    def leave(self, process: Process) -> None:
        """Nobody reads its output any more: kill it with its whole group if it still runs, and forget it."""
        process.left = True
        process.output.discard()
        if process.exit.done():
            self._drop(process)
        else:
            self._kill_soon(process)

    def close(self) -> None:
        """The VM has ended, and with it every process."""
        for process in self._processes.values():
            process.end(Exit(exit_code=None, signal=signal.SIGKILL))
            process.output.close()
        for output in self._left_behind:
            output.close()

    def _kill_soon(self, process: Process) -> None:
        async def kill() -> None:
            try:
                await self.signal(process.pid, signal.SIGKILL)
            except HatchwayError:
                pass  # the VM has ended, and the process with it

        self._kills.start(kill())

    def _forget_oldest(self) -> None:
        ended = [process for process in self._processes.values() if process.listed and process.exit.done()]
        for process in ended[:-KEPT_EXITED]:
            self._drop(process)

    def _drop(self, process: Process) -> None:
        if self._processes.get(process.pid) is process:  # else its pid has been used again
            del self._processes[process.pid]
            self._forget(process)

    def _forget(self, process: Process) -> None:
        """Drop the entry of an ended process; what it left running may go on writing to its pipes."""
        self._left_behind = [output for output in self._left_behind if output.is_open]
        if process.output.is_open:
            process.output.discard()
            self._left_behind.append(process.output)


def check_arguments(argv: list[str], env: dict[str, str], cwd: str | None) -> None:
    """Refuse what no system call could take.

    Raises:
        InvalidRequest: `invalid_command`, `invalid_environment` or `invalid_path`.
    """
    if not argv or not argv[0]:
        raise InvalidRequest("invalid_command", "the command must not be empty")
    if not all(_is_encodable(argument) for argument in argv):
        raise InvalidRequest(
            "invalid_command", "a command and its arguments must be valid Unicode text without NUL"
        )
    for name, value in env.items():
        if not name or "=" in name or not _is_encodable(name) or not _is_encodable(value):
            raise InvalidRequest(
                "invalid_environment",
                "a variable's name must not be empty or hold '=', and neither name nor value may hold NUL",
            )
    if cwd is not None and (not cwd.startswith("/") or not _is_encodable(cwd)):
        raise InvalidRequest("invalid_path", "cwd must be an absolute path in the VM")


def _is_encodable(text: str) -> bool:
    """Whether it can be an argument: no NUL, and no surrogate but those that stand for a byte (PEP 383)."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
