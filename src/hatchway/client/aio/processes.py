"""The processes of one VM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hatchway.client import exec_stream, wire
from hatchway.client.aio.callers_body import Body
from hatchway.client.aio.process import Process
from hatchway.client.aio.transport import check_ok
from hatchway.client.aio.vm_calls import VmActions
from hatchway.client.answers import ExecResult
from hatchway.client.parameters import encode_json, exec_body, spawn_body
from hatchway.client.process_answers import ProcessInfo, ProcessNode, SystemProcess
from hatchway.client.process_tree import process_tree
from hatchway.errors import ConnectionFailed


class Processes(VmActions):
    """What an agent does with processes."""

    async def exec(
        self,
        command: str | Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: str | bytes | None = None,
        timeout: float | None = None,
        on_stdout: Callable[[bytes], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
        on_start: Callable[[int], object] | None = None,
    ) -> ExecResult:
        """Run a command to its end. Cancelling the call kills it.

        Args:
            command: text is run by `/bin/sh -c`; a list is a program and its arguments, run without a shell.
            env: added to the VM's own environment.
            cwd: the working directory, by default /home/user.
            stdin: the whole standard input, by default empty. The whole call holds at most 1 MiB: for more, write a
                file, or see `on_start`.
            timeout: seconds after which the command is killed (`timed_out` says so); None: never.
            on_stdout: called with each piece of standard output as it comes; it is not collected then.
            on_stderr: likewise for standard error.
            on_start: called with the command's pid once it runs. Its standard input is open then: for
                `write_process_stdin`, beside this call, until `close_process_stdin`. Not with `stdin`.

        Raises:
            HatchwayError: what kept the command from running. An exit code other than 0 is no error.
        """
        body = encode_json(exec_body(command, env, cwd, stdin, timeout, stdin_open=on_start is not None))
        headers = [("Content-Type", "application/json"), ("Accept", "application/x-ndjson")]
        collected: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        sinks = {
            "stdout": on_stdout or collected["stdout"].append,
            "stderr": on_stderr or collected["stderr"].append,
        }

        async def run(vm: str) -> exec_stream.Exit:
            parser = exec_stream.EventParser()
            end: exec_stream.Exit | exec_stream.Failure | None = None
            async with self._vm.transport.send(
                "POST", f"{vm}/exec", headers=headers, content=body, patient=True
            ) as answer:
                await check_ok(answer)
                async for chunk in answer.aiter_raw():
                    for event in parser.feed(chunk):
                        if isinstance(event, exec_stream.Output):
                            sinks[event.stream](event.data)
                        elif isinstance(event, exec_stream.Started):
                            if on_start is not None:
                                on_start(event.pid)
                        else:
                            end = event
            if isinstance(end, exec_stream.Failure):
                raise end.error.error()
            if end is None:
                raise ConnectionFailed(
                    "connection_lost", "the connection broke off before the command ended", "run it again"
                )
            return end

        end = await self._vm.on_vm(run)
        return ExecResult(
            exit_code=wire.shell_exit_code(end.exit_code, end.signal),
            stdout_bytes=b"".join(collected["stdout"]),
            stderr_bytes=b"".join(collected["stderr"]),
            signal=end.signal,
            timed_out=end.timed_out,
        )

    async def spawn(
        self,
        command: str,
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: str | bytes | None = None,
    ) -> Process:
        """Start a program and let it run: it outlives this call and this client.

        What it writes is kept, up to a bound: see `Process.output`.

        Args:
            command: the program, by path or by name in the VM's PATH; no shell is involved.
            args: its arguments.
            env: added to the VM's own environment.
            cwd: the working directory, by default /home/user.
            stdin: its whole standard input. None: it stays open, for `write_process_stdin`.
        """
        body = spawn_body(command, args, env, cwd, stdin)

        async def start(vm: str) -> Process:
            answer = await self._vm.transport.call("POST", vm + "/processes", wire.Spawned, body=body)
            return Process(self._vm, answer.pid, (command, *body["args"]), place=vm)

        return await self._vm.on_vm(start)

    def process(self, pid: int) -> Process:
        """A process that was spawned before, by its pid. Does no I/O.

        Raises:
            InvalidRequest: `invalid_pid`.
        """
        return Process(self._vm, pid)

    async def get_process(self, pid: int) -> ProcessInfo:
        """The state of a spawned program, and how much it has written.

        Raises:
            NotFound: `process_not_found`.
        """
        return await self.process(pid).info()

    async def wait_process(self, pid: int, timeout: float | None = None) -> int:
        """As `Process.wait`.

        Raises:
            NotFound: `process_not_found`.
        """
        return await self.process(pid).wait(timeout)

    async def write_process_stdin(self, pid: int, data: Body) -> None:
        """As `Process.write_stdin`.

        Raises:
            NotFound: `process_not_found`.
            Conflict: `stdin_closed`, `process_ended`.
        """
        await self.process(pid).write_stdin(data)

    async def close_process_stdin(self, pid: int) -> None:
        """As `Process.close_stdin`.

        Raises:
            NotFound: `process_not_found`.
        """
        await self.process(pid).close_stdin()

    async def stop_process(self, pid: int) -> None:
        """Ask a spawned program and its children to end (SIGTERM).

        Raises:
            NotFound: `process_not_found`.
        """
        await self.process(pid).stop()

    async def kill_process(self, pid: int) -> None:
        """End a spawned program and its children at once (SIGKILL).

        Raises:
            NotFound: `process_not_found`.
        """
        await self.process(pid).kill()

    async def signal_process(self, pid: int, signal: str | int) -> None:
        """Send a signal to a spawned program and its children, or to any other process of the VM alone.

        Args:
            pid: of a spawned program, or as `all_processes` gives it.
            signal: its name, with or without SIG, or its number.

        Raises:
            NotFound: `process_not_found`.
            InvalidRequest: `invalid_signal`.
        """
        await self.process(pid).signal(signal)

    async def list_processes(self) -> list[ProcessInfo]:
        """The programs that were spawned in the VM, ended ones included."""
        answer = await self._vm.call("GET", "/processes", wire.Processes)
        return [process.public() for process in answer.processes]

    async def all_processes(self) -> list[SystemProcess]:
        """Every process of the VM, whoever started it, in the order of their pids."""
        answer = await self._vm.call("GET", "/processes/all", wire.SystemProcesses)
        return [process.public() for process in answer.processes]

    async def process_tree(self) -> list[ProcessNode]:
        """Every process of the VM, by who started whom."""
        return process_tree(await self.all_processes())
