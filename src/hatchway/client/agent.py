"""One VM by its key: files, processes, `vm_fetch`, previews."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from hatchway.client import exec_stream, wire
from hatchway.client.answers import ExecResult, FetchResponse, Preview, ProcessInfo, SpawnedProcess
from hatchway.client.fetch_request import HeadersLike, fetch_headers, fetch_method, fetch_target
from hatchway.client.parameters import (
    Body,
    check_timeout,
    content,
    encode_json,
    exec_body,
    mode_query,
    path_query,
    process_path,
    spawn_body,
)
from hatchway.client.problems import unexpected_answer
from hatchway.client.single_flight import SingleFlight
from hatchway.client.transport import Transport, read_answer, read_body, refusal
from hatchway.errors import ConnectionFailed, InvalidRequest, NotFound
from hatchway.preview.grant import CorsMode
from hatchway.vm.key import Key

T = TypeVar("T")


class Agent:
    """One VM, found by its kind and key. Made by `client.vm.get_or_create(key)`.

    The VM is looked up, and made if there is none, by the first action; it boots when it first has to. If it
    has been destroyed meanwhile, the next action makes a new one under the same key.

    Every action raises `HatchwayError`: the server's own refusals with their `code` and `hint`, and
    `ConnectionFailed` (`server_unreachable`, `connection_lost`, `timeout`). Where the server says more, it is in the
    error's `retry_after` and `details`.
    """

    def __init__(self, transport: Transport, kind: str, key: Key) -> None:
        self.kind = kind
        self.key = key
        self._transport = transport
        self._vm_id = SingleFlight(self._get_or_create)

    def __repr__(self) -> str:
        return f"Agent(kind={self.kind!r}, key={list(self.key)!r})"

    # -- files

    async def write_file(self, path: str | bytes, data: Body, *, mode: int | None = None) -> None:
        """Write a whole file, all or nothing; its folder must exist.

        Args:
            path: absolute, or relative to /home/user.
            data: text (as UTF-8), bytes, or an asynchronous iterable of bytes, which is streamed.
            mode: permission bits, such as 0o755; None: as for any new file.

        Raises:
            InvalidRequest: `invalid_path`.
        """
        query = path_query(path) + mode_query(mode)
        data = content(data)
        headers = [("Content-Type", "application/octet-stream")]

        async def put(vm: str) -> None:
            async with self._transport.send(
                "PUT", f"{vm}/files?{query}", headers=headers, content=data
            ) as answer:
                await read_answer(answer)

        await self._on_vm(put, replayable=isinstance(data, bytes))

    async def read_file(self, path: str | bytes) -> bytes:
        """The content of a file.

        Args:
            path: absolute, or relative to /home/user.

        Raises:
            NotFound: `file_not_found`.
        """
        query = path_query(path)

        async def get(vm: str) -> bytes:
            async with self._transport.send("GET", f"{vm}/files?{query}") as answer:
                return await read_answer(answer)

        return await self._on_vm(get)

    async def exists(self, path: str | bytes) -> bool:
        """Whether there is a file, folder or anything else at `path`."""
        query = path_query(path)
        answer = await self._call("GET", f"/files/exists?{query}", wire.Exists)
        return answer.exists

    async def delete_file(self, path: str | bytes) -> None:
        """Delete one file.

        Raises:
            NotFound: `file_not_found`.
        """
        query = path_query(path)

        await self._do("DELETE", f"/files?{query}")

    # -- processes

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

        async def run(vm: str) -> exec_stream.Exit:
            parser = exec_stream.EventParser()
            end: exec_stream.Exit | exec_stream.Failure | None = None
            async with self._transport.send(
                "POST", f"{vm}/exec", headers=headers, content=body, patient=True
            ) as answer:
                if answer.status_code != 200:
                    await read_answer(answer)
                    raise unexpected_answer(answer.status_code)
                async for chunk in answer.aiter_raw():
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

        end = await self._on_vm(run)
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
    ) -> SpawnedProcess:
        """Start a program and let it run: it outlives this call and this client.

        Args:
            command: the program, by path or by name in the VM's PATH; no shell is involved.
            args: its arguments.
            env: added to the VM's own environment.
            cwd: the working directory, by default /home/user.
        """
        body = spawn_body(command, args, env, cwd)
        answer = await self._call("POST", "/processes", wire.Spawned, body=body)
        return SpawnedProcess(answer.pid)

    async def wait_process(self, pid: int) -> int:
        """Wait until a spawned program has ended.

        Returns:
            Its exit code; 128 plus the signal's number if a signal ended it.

        Raises:
            NotFound: `process_not_found`.
        """
        info = await self._call("GET", process_path(pid, "wait"), wire.Process, patient=True)
        return wire.shell_exit_code(info.exit_code, info.signal)

    async def list_processes(self) -> list[ProcessInfo]:
        """The programs that were spawned in the VM, ended ones included."""
        answer = await self._call("GET", "/processes", wire.Processes)
        return [process.public() for process in answer.processes]

    async def stop_process(self, pid: int) -> None:
        """Ask a spawned program and its children to end (SIGTERM).

        Raises:
            NotFound: `process_not_found`.
        """
        await self._do("POST", process_path(pid, "stop"))

    async def kill_process(self, pid: int) -> None:
        """End a spawned program and its children at once (SIGKILL).

        Raises:
            NotFound: `process_not_found`.
        """
        await self._do("POST", process_path(pid, "kill"))

    # -- HTTP to services

    async def vm_fetch(
        self,
        port: int,
        url: str = "/",
        *,
        method: str = "GET",
        headers: HeadersLike | None = None,
        body: Body | None = None,
        timeout: float | None = None,
    ) -> FetchResponse:
        """Send an HTTP request to a service in the VM.

        The service's answer is given as it came: redirects are not followed, bodies not decoded, repeated
        headers all there, cookies not kept. No `Accept-Encoding` is sent unless it is among `headers`, so
        that services have no reason to compress.

        Args:
            port: the TCP port that the service listens on.
            url: a path with or without its leading `/`, or an http(s) URL whose host and port are ignored; a
                query is sent, a fragment is not.
            method: any HTTP method.
            headers: a mapping or pairs. `Authorization` and `Cookie` go to the service; `Host` is always
                `localhost:{port}`, and headers of the connection are left out. An `Origin` makes the call look
                like a page's: the server refuses any but its own (`cross_site`).
            body: text (as UTF-8), bytes, or an asynchronous iterable of bytes, which is streamed.
            timeout: seconds for the whole call, instead of the client's time-out without progress.

        Returns:
            The answer, also one with status 400 or above.

        Raises:
            InvalidRequest: `invalid_port`, `invalid_url`, `invalid_method`, `invalid_header`, `invalid_body`.
            Unavailable: `port_closed`: nothing listens on that port, and nothing began to while the request was held;
                `process_exited`: nor will it, since the program spawned last has ended: `details` has its exit code,
                signal and last lines of stderr.
            HatchwayError: other refusals by Hatchway itself, never by the service.
        """
        if isinstance(port, bool) or not isinstance(port, int):
            raise InvalidRequest("invalid_port", "port must be a whole number between 1 and 65535")
        data = None if body is None else content(body)
        limit = check_timeout(timeout)
        token = fetch_method(method)
        target = fetch_target(url)
        sent = fetch_headers(headers, has_length=data is None or isinstance(data, bytes))

        async def fetch(vm: str) -> FetchResponse:
            async with self._transport.send(
                token, f"{vm}/ports/{port}{target}", headers=sent, content=data, patient=limit is not None
            ) as answer:
                received = await read_body(answer)
                if "hatchway-error" in answer.headers:
                    raise refusal(answer, received)
                return FetchResponse(answer.status_code, answer.reason_phrase, answer.headers, received)

        try:
            async with asyncio.timeout(limit) as deadline:
                return await self._on_vm(fetch, replayable=data is None or isinstance(data, bytes))
        except TimeoutError:
            if not deadline.expired():
                raise  # the caller's own, from a body that it streams
            raise ConnectionFailed(
                "timeout", f"port {port} of the VM did not answer within {limit:g} s", "pass a longer timeout"
            ) from None

    # -- previews

    async def create_signed_preview_url(
        self,
        port: int,
        expires_in_seconds: int | None = None,
        *,
        forward_host: bool = False,
        cors: CorsMode = "open",
    ) -> Preview:
        """Let whoever holds the preview's URL reach one port of the VM until it expires or is revoked.

        Args:
            port: the TCP port, 1 to 65535; something may listen there later.
            expires_in_seconds: how long it lives, by default and at most as configured with `PreviewOptions`.
            forward_host: tell the service its public host in `X-Forwarded-Host`, for frameworks that build absolute
                URLs. In host mode that host holds the token: whatever runs in the VM can read it then, and use the
                preview as its visitors do.
            cors: `"open"`: any origin may read what the service answers, and the gateway answers preflights.
                `"app"`: preflights and all answers pass untouched, and the service decides.

        Raises:
            InvalidRequest: `invalid_port`, `invalid_expiry`, `invalid_cors`, naming the limits.
        """
        body: dict[str, Any] = {"port": port}
        if expires_in_seconds is not None:
            body["expires_in_seconds"] = expires_in_seconds
        # What is not the default goes as it was given: what is wrong with it is the server's to say.
        if forward_host is not False:
            body["forward_host"] = forward_host
        if cors != "open":
            body["cors"] = cors
        answer = await self._call("POST", "/previews", wire.Preview, body=body)
        return answer.public()

    async def expire_signed_preview_url(self, token: str) -> bool:
        """Revoke a preview of this VM at once. May be called again.

        Returns:
            Whether there was a live preview with that token.
        """
        try:
            vm = await self._vm_id.get()
            answer = await self._transport.call(
                "POST", f"/api/vms/{quote(vm, safe='')}/previews/expire", wire.Expired, body={"token": token}
            )
        except NotFound as error:
            # A destroyed VM took its previews along.
            if error.code != "vm_not_found":
                raise
            self._vm_id.forget(vm)
            return False
        return answer.expired

    # -- the VM itself

    async def destroy(self) -> None:
        """Stop the VM and delete its files, processes and previews. The next action makes a new VM."""
        vm = await self._vm_id.get()
        try:
            async with self._transport.send("DELETE", f"/api/vms/{quote(vm, safe='')}") as answer:
                await read_answer(answer)
        except NotFound as error:
            if error.code != "vm_not_found":
                raise
        self._vm_id.forget(vm)

    async def _get_or_create(self) -> str:
        body = {"name": self.kind, "key": list(self.key)}
        answer = await self._transport.call("POST", "/api/vms", wire.Vm, body=body)
        return answer.id

    async def _on_vm(self, action: Callable[[str], Awaitable[T]], *, replayable: bool = True) -> T:
        """Run `action` with the VM's path in the control API; with a new VM's if that one is gone."""
        vm = await self._vm_id.get()
        try:
            return await action(f"/api/vms/{quote(vm, safe='')}")
        except NotFound as error:
            if error.code != "vm_not_found":
                raise
            self._vm_id.forget(vm)
            if not replayable:
                raise
        vm = await self._vm_id.get()
        return await action(f"/api/vms/{quote(vm, safe='')}")

    async def _call(
        self, method: str, path: str, answer: type[T], *, body: Any = None, patient: bool = False
    ) -> T:
        async def call(vm: str) -> T:
            return await self._transport.call(method, vm + path, answer, body=body, patient=patient)

        return await self._on_vm(call)

    async def _do(self, method: str, path: str) -> None:
        """A call whose answer says nothing but that it was done."""

        async def call(vm: str) -> None:
            async with self._transport.send(method, vm + path) as answer:
                await read_answer(answer)

        await self._on_vm(call)
