# Written by tools/generate-sync-client from hatchway/client/aio/processes.py.
"""The processes of one VM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hatchway.client import exec_stream, wire
from hatchway.client.answers import ExecResult, ProcessInfo, SpawnedProcess
from hatchway.client.parameters import encode_json, exec_body, process_path, spawn_body
from hatchway.client.problems import unexpected_answer
from hatchway.client.sync.transport import read_answer
from hatchway.client.sync.vm_calls import VmActions
from hatchway.errors import ConnectionFailed


class Processes(VmActions):
    """What an agent does with processes."""

    def exec(
        self,
        command: str | Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: str | bytes | None = None,
        timeout: float | None = None,
        on_stdout: Callable[[bytes], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
    ) -> ExecResult:
        """Run a command to its end. Cancelling the call kills it.

        Args:
            command: text is run by `/bin/sh -c`; a list is a program and its arguments, run without a shell.
            env: added to the VM's own environment.
            cwd: the working directory, by default /home/user.
            stdin: the whole standard input, by default empty. The whole call holds at most 1 MiB: write a
                file for more.
            timeout: seconds after which the command is killed (`timed_out` says so); None: never.
            on_stdout: called with each piece of standard output as it comes; it is not collected then.
            on_stderr: likewise for standard error.

        Raises:
            HatchwayError: what kept the command from running. An exit code other than 0 is no error.
        """
        body = encode_json(exec_body(command, env, cwd, stdin, timeout))
        headers = [("Content-Type", "application/json"), ("Accept", "application/x-ndjson")]
        collected: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        sinks = {
            "stdout": on_stdout or collected["stdout"].append,
            "stderr": on_stderr or collected["stderr"].append,
        }

        def run(vm: str) -> exec_stream.Exit:
            parser = exec_stream.EventParser()
            end: exec_stream.Exit | exec_stream.Failure | None = None
            with self._vm.transport.send(
                "POST", f"{vm}/exec", headers=headers, content=body, patient=True
            ) as answer:
                if answer.status_code != 200:
                    read_answer(answer)
                    raise unexpected_answer(answer.status_code)
                for chunk in answer.iter_raw():
                    for event in parser.feed(chunk):
                        if isinstance(event, exec_stream.Output):
                            sinks[event.stream](event.data)
                        else:
                            end = event
            if isinstance(end, exec_stream.Failure):
                raise end.error.error()
            if end is None:
                raise ConnectionFailed(
                    "connection_lost", "the connection broke off before the command ended", "run it again"
                )
            return end

        end = self._vm.on_vm(run)
        return ExecResult(
            exit_code=wire.shell_exit_code(end.exit_code, end.signal),
            stdout_bytes=b"".join(collected["stdout"]),
            stderr_bytes=b"".join(collected["stderr"]),
            signal=end.signal,
            timed_out=end.timed_out,
        )

    def spawn(
        self,
        command: str,
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> SpawnedProcess:
        """Start a program and let it run: it outlives this call and this client.

        Args:
            command: the program, by path or by name in the VM's PATH; no shell is involved.
            args: its arguments.
            env: added to the VM's own environment.
            cwd: the working directory, by default /home/user.
        """
        body = spawn_body(command, args, env, cwd)
        answer = self._vm.call("POST", "/processes", wire.Spawned, body=body)
        return SpawnedProcess(answer.pid)

    def wait_process(self, pid: int) -> int:
        """Wait until a spawned program has ended.

        Returns:
            Its exit code; 128 plus the signal's number if a signal ended it.

        Raises:
            NotFound: `process_not_found`.
        """
        info = self._vm.call("GET", process_path(pid, "wait"), wire.Process, patient=True)
        return wire.shell_exit_code(info.exit_code, info.signal)

    def list_processes(self) -> list[ProcessInfo]:
        """The programs that were spawned in the VM, ended ones included."""
        answer = self._vm.call("GET", "/processes", wire.Processes)
        return [process.public() for process in answer.processes]

    def stop_process(self, pid: int) -> None:
        """Ask a spawned program and its children to end (SIGTERM).

        Raises:
            NotFound: `process_not_found`.
        """
        self._vm.do("POST", process_path(pid, "stop"))

    def kill_process(self, pid: int) -> None:
        """End a spawned program and its children at once (SIGKILL).

        Raises:
            NotFound: `process_not_found`.
        """
        self._vm.do("POST", process_path(pid, "kill"))
