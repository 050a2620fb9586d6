"""The processes that the server has started in one VM."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import stat
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from typing import TypeVar

from hatchway.errors import Conflict, HatchwayError, InvalidRequest, NotFound, Unavailable
from hatchway.vm.arguments import ENVIRONMENT, check_arguments
from hatchway.vm.background import Background
from hatchway.vm.event_log import EventLog
from hatchway.vm.followed_output import FollowedOutput
from hatchway.vm.guest_errors import no_such_process, signal_error, starting
from hatchway.vm.input import InputPipe
from hatchway.vm.output import OutputQueue
from hatchway.vm.output_log import OutputLogs
from hatchway.vm.output_share import OutputShare
from hatchway.vm.process import Command, Process, Spawned
from hatchway.vm.records import Exit, OutputEvent, ProcessEvent, ProcessInfo, StreamName, SystemProcess
from hatchway.vm.sandbox.channel import Answer, Channel, GuestRefusal
from hatchway.vm.system_processes import MAX_PID, read_all

P = TypeVar("P", bound=Process)

KEPT_EXITED = 1000
"""How many ended processes are remembered."""

_STREAMS: tuple[StreamName, ...] = ("stdout", "stderr")


class Processes:
    """Starts processes, knows how they are, and passes on what is meant for them."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._processes: dict[int, Process] = {}
        self._logs = OutputLogs()
        self._share = OutputShare(asyncio.get_running_loop())
        self._left_behind: list[OutputQueue | FollowedOutput] = []
        self._kills = Background()
        self.changed: Callable[[], None] = lambda: None
        """Called when one has started or ended, and when all go on after a pause."""
        self.event_log = EventLog()
        """Told of what the spawned ones write, and of their ends."""

    def attach(self, channel: Channel) -> None:
        """Begin to use the guest's channel, once it is there."""
        self._channel = channel

    # -- starting

    async def execute(
        self,
        argv: list[str],
        env: dict[str, str],
        cwd: str | None,
        stdin: bytes | None = None,
        *,
        stdin_open: bool = False,
    ) -> Command:
        """Start a command. `leave` must be called of it.

        Args:
            argv: the program and its arguments.
            env: added to `ENVIRONMENT`.
            cwd: the working directory, absolute; None: /home/user.
            stdin: its whole standard input; None: empty.
            stdin_open: its standard input is open instead, to be written to.

        Raises:
            HatchwayError: `command_not_found`, `cwd_not_found`, `not_executable`, `too_many_processes` and others.
        """

        def make(pid: int, pipes: dict[StreamName, int], input_fd: int | None) -> Command:
            return Command(
                pid,
                argv,
                OutputQueue(pipes, self._share),
                None if input_fd is None else InputPipe(input_fd, stdin),
            )

        return await self._start(argv, env, cwd, make, has_input=stdin_open or stdin is not None)

    async def spawn(
        self, argv: list[str], env: dict[str, str], cwd: str | None, stdin: bytes | None = None
    ) -> Spawned:
        """Start a process that runs on by itself, is in `list` and is remembered after its end.

        Parameters and errors as for `execute`, but without `stdin` its standard input is open, to be written to.
        """

        def make(pid: int, pipes: dict[StreamName, int], input_fd: int | None) -> Spawned:
            assert input_fd is not None

            def heard(stream: StreamName, data: bytes) -> None:
                self.event_log.publish("process_output", pid=pid, stream=stream, data=data)

            output = FollowedOutput(pipes, self._logs, self._share, heard)
            return Spawned(pid, argv, output, InputPipe(input_fd, stdin))

        return await self._start(argv, env, cwd, make, has_input=True)

    async def _start(
        self,
        argv: list[str],
        env: dict[str, str],
        cwd: str | None,
        make: Callable[[int, dict[StreamName, int], int | None], P],
        *,
        has_input: bool,
    ) -> P:
        assert self._channel is not None
        check_arguments(argv, env, cwd)

        def take(answer: Answer, fds: list[int]) -> P:
            # Entered before the next message is looked at, which may be word of its exit.
            earlier = self._processes.get(answer.pid)
            expected = [os.O_RDONLY, os.O_RDONLY] + [os.O_WRONLY] * has_input
            if [_pipe_end(fd) for fd in fds] != expected or (earlier is not None and not earlier.exit.done()):
                for fd in fds:
                    os.close(fd)
                raise Unavailable("vm_failed", "the VM gave a wrong answer")
            process = make(
                answer.pid, dict(zip(_STREAMS, fds[:2], strict=True)), fds[2] if has_input else None
            )
            if earlier is not None and (earlier.left or isinstance(earlier, Spawned)):
                self._forget(earlier)  # the guest's kernel uses pids again
            # A command's reader may not have read all yet: it leaves later.
            self._processes.pop(answer.pid, None)
            self._processes[answer.pid] = process
            self.changed()
            return process

        # Left when whoever started it was cancelled, and never learned its pid.
        request = self._channel.request_and_take(
            "spawn", take, self.leave, argv=argv, env=ENVIRONMENT | env, cwd=cwd, stdin=has_input
        )
        with starting(argv[0]):
            return await request

    # -- what there is

    def get(self, pid: int) -> Spawned:
        """The spawned process with this pid.

        Raises:
            NotFound: `process_not_found`.
        """
        process = self._processes.get(pid)
        if isinstance(process, Spawned) and not process.left:
            return process
        raise _not_spawned(pid)

    async def list_all(self) -> list[SystemProcess]:
        """Every process in the VM, in the order of their pids.

        Raises:
            Unavailable: `vm_stopped`, `vm_failed`.
        """
        assert self._channel is not None
        return await read_all(self._channel, self._is_spawned)

    def list(self) -> list[ProcessInfo]:
        """The spawned ones, and the last of them that have ended, in the order they were started."""
        return [process.info() for process in self._spawned()]

    def last_spawned(self) -> Spawned | None:
        """The one spawned last of those that `list` tells of."""
        return next(self._spawned(newest_first=True), None)

    async def youngest(self) -> float | None:
        """When the youngest of all processes in the VM began that run now, by the event loop's clock.

        It need not be one of these: they start others. None: none runs but PID 1.

        Raises:
            Unavailable: `vm_stopped`.
        """
        assert self._channel is not None
        try:
            answer = await self._channel.ask("youngest")
        except GuestRefusal:
            answer = None
        now = asyncio.get_running_loop().time()
        if answer is not None:
            return None if answer.age is None else now - max(0.0, answer.age)
        running = [process.started for process in self._processes.values() if not process.exit.done()]
        return max(running, default=None)

    # -- what is asked of one

    async def wait(self, pid: int) -> ProcessInfo:
        """Wait for the end of a spawned process."""
        process = self.get(pid)
        await asyncio.shield(process.exit)
        return process.info()

    def output(self, pid: int, offset: int, *, follow: bool) -> AsyncGenerator[OutputEvent, None]:
        """See `Spawned.read`.

        Raises:
            InvalidRequest: `invalid_offset`, for one beyond the end.
        """
        process = self.get(pid)
        written = process.written.log.end
        if offset > written:
            raise InvalidRequest(
                "invalid_offset",
                f"the process has written {written} bytes so far, so its output cannot be read from {offset}",
                "read on from the next_offset of the last answer; a pid may have been used again",
            )
        return process.read(offset, follow=follow)

    async def write_stdin(self, pid: int, chunks: AsyncIterable[bytes]) -> int:
        """See `InputPipe.write`."""
        return await self._input(pid).write(chunks)

    def close_stdin(self, pid: int) -> None:
        """See `InputPipe.close`."""
        self._input(pid).close()

    async def signal(self, pid: int, number: int) -> None:
        """Send a signal to the whole group of a spawned process. One that has ended is none of it."""
        await self._signal_group(self.get(pid), number)

    async def signal_any(self, pid: int, number: int) -> None:
        """Send a signal to the group of a spawned process, or to any other process of the VM alone.

        Raises:
            NotFound: `process_not_found`.
            Conflict: `not_permitted`, for PID 1, or when the VM's kernel says so.
        """
        if self._is_spawned(pid):
            await self.signal(pid, number)
            return
        if pid == 1:
            raise Conflict("not_permitted", "PID 1 is the VM itself", "destroy the VM to end it")
        if pid > MAX_PID:
            raise no_such_process(pid)
        assert self._channel is not None
        try:
            await self._channel.ask("signal", pid=pid, signal=number, group=False)
        except GuestRefusal as refusal:
            raise signal_error(refusal, pid) from None

    async def events(
        self, command: Command, timeout: float | None, first: ProcessEvent | None = None
    ) -> AsyncGenerator[ProcessEvent, None]:
        """The output of a command as it comes, then its end.

        It ends with the command, not with its pipes: what the command left running may hold them open for ever.

        Args:
            command: just started.
            timeout: seconds after which its whole group is killed; None: never.
            first: what comes before all else.
        """
        timed_out = False

        def kill() -> None:
            nonlocal timed_out
            timed_out = True
            self._kill_soon(command)

        timer = asyncio.get_running_loop().call_later(timeout, kill) if timeout is not None else None
        try:
            if first is not None:
                yield first
            while True:
                ended = command.exit.done()
                while (event := command.queue.take()) is not None:
                    yield event
                if ended:
                    break
                await command.queue.changed()
            outcome = command.exit.result()
            yield Exit(outcome.exit_code, outcome.signal, timed_out)
        finally:
            if timer is not None:
                timer.cancel()

    # -- how they end

    def exited(self, pid: int, status: int) -> None:
        """A process has ended, with this wait status (wait(2)). Called by the channel."""
        self.changed()
        process = self._processes.get(pid)
        if process is None:
            return
        if not process.exit.done():
            process.end(Exit.of(status))
            self._tell_end(process)
        if process.left:
            self._forget(process)
        elif isinstance(process, Spawned):
            self._forget_oldest()

    def leave(self, process: Process) -> None:
        """Nobody cares for it any more: kill it with its whole group if it still runs, and forget it."""
        process.left = True
        if process.exit.done():
            self._forget(process)
        else:
            process.output.discard()
            self._kill_soon(process)

    def close(self) -> None:
        """The VM has ended, and with it every process."""
        for process in self._processes.values():
            if not process.exit.done():
                process.end_with_vm(Exit(exit_code=None, signal=signal.SIGKILL))
                self._tell_end(process)
            process.output.close()
        for output in self._left_behind:
            output.close()

    # -- inside

    def _tell_end(self, process: Process) -> None:
        if isinstance(process, Spawned) and not process.left:
            end = process.exit.result()
            self.event_log.publish(
                "process_exit", pid=process.pid, exit_code=end.exit_code, signal=end.signal
            )

    def _input(self, pid: int) -> InputPipe:
        """The standard input of a spawned process, or of a command that has one."""
        process = self._processes.get(pid)
        if process is None or process.left or process.stdin is None:
            raise _not_spawned(pid)
        return process.stdin

    def _spawned(self, *, newest_first: bool = False) -> Iterator[Spawned]:
        processes = reversed(self._processes.values()) if newest_first else self._processes.values()
        return (each for each in processes if isinstance(each, Spawned) and not each.left)

    def _is_spawned(self, pid: int) -> bool:
        process = self._processes.get(pid)
        return isinstance(process, Spawned) and not process.left

    async def _signal_group(self, process: Process, number: int) -> None:
        if process.exit.done():
            return
        assert self._channel is not None
        try:
            await self._channel.ask("signal", pid=process.pid, signal=number, group=True)
        except GuestRefusal:
            pass  # it has ended meanwhile

    def _kill_soon(self, process: Process) -> None:
        async def kill() -> None:
            try:
                await self._signal_group(process, signal.SIGKILL)
            except HatchwayError:
                pass  # the VM has ended, and the process with it

        self._kills.start(kill())

    def _forget_oldest(self) -> None:
        for process in [each for each in self._spawned() if each.exit.done()][:-KEPT_EXITED]:
            self._forget(process)

    def _forget(self, process: Process) -> None:
        """Drop an ended process; what it left running may go on writing to its pipes."""
        if self._processes.get(process.pid) is process:  # else its pid has been used again
            del self._processes[process.pid]
        process.output.discard()
        self._left_behind = [output for output in self._left_behind if output.is_open]
        if process.output.is_open:
            self._left_behind.append(process.output)


def _not_spawned(pid: int) -> NotFound:
    return NotFound(
        "process_not_found",
        f"no process {pid} was spawned in this VM",
        "list the VM's processes for those there are",
    )


def _pipe_end(fd: int) -> int | None:
    """O_RDONLY or O_WRONLY for that end of a pipe, None for anything else."""
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        return None
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
