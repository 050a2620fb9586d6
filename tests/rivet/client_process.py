"""The npm client in a Node.js process of its own, driven from Python as its user's code would use it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from rivet.driver_process import ClientError, DriverProcess, error_of
from rivet.values import from_json

CALL_SECONDS = 30.0
"""Far above what a call takes, and an end to the client's endless tries."""

_NO_OPTIONS: Mapping[str, object] = {}

Encoding = Literal["json", "cbor", "bare"]


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a `fetch`; the names of its headers are in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header, if it is there."""
        return next((value for each, value in self.headers if each == name.lower()), None)


class NpmClient:
    """A client in a process of its own. An asynchronous context manager: the process lasts as long.

    Args:
        folder: with the installed packages.
        endpoint: the URL of the server.
        encoding: that of its bodies.
        token: the client's `token`.
        kind: the name of what handles are for: `client.{kind}.getOrCreate(…)`.
        seconds: how long each call may take.

    What the client rejects is raised as `ClientError`. If the process ends, a call raises `ClientEndedError`; if there
    is no answer in time, `TimeoutError`. Both have what the process wrote to stderr.
    """

    def __init__(
        self,
        folder: Path,
        endpoint: str,
        encoding: Encoding = "json",
        token: str | None = None,
        kind: str = "vm",
        *,
        seconds: float = CALL_SECONDS,
    ) -> None:
        self.encoding = encoding
        options = {"endpoint": endpoint, "encoding": encoding, "kind": kind}
        if token is not None:
            options["token"] = token
        self.driver = DriverProcess(folder, options, seconds, self._told)
        self._connections: dict[int, Connection] = {}

    @property
    def stderr(self) -> str:
        """What the process has written to stderr so far: what the client logs is there."""
        return self.driver.stderr

    async def __aenter__(self) -> Self:
        await self.driver.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.driver.__aexit__()

    async def get_or_create(self, key: list[str], options: Mapping[str, object] = _NO_OPTIONS) -> Handle:
        """`client.{kind}.getOrCreate(key, options)`."""
        return await self._handle("getOrCreate", key, options)

    async def get(self, key: list[str], options: Mapping[str, object] = _NO_OPTIONS) -> Handle:
        """`client.{kind}.get(key, options)`."""
        return await self._handle("get", key, options)

    async def create(self, key: list[str], options: Mapping[str, object] = _NO_OPTIONS) -> Handle:
        """`await client.{kind}.create(key, options)`."""
        return await self._handle("create", key, options)

    async def get_for_id(self, vm_id: str, options: Mapping[str, object] = _NO_OPTIONS) -> Handle:
        """`client.{kind}.getForId(id, options)`."""
        return await self._handle("getForId", vm_id, options)

    async def action(self, key: list[str], name: str, *values: object) -> Any:
        """An action on a new handle of `getOrCreate`."""
        return await (await self.get_or_create(key)).action(name, *values)

    async def connect(self, key: list[str], options: Mapping[str, object] = _NO_OPTIONS) -> Connection:
        """A connection of a new handle of `getOrCreate`."""
        return await (await self.get_or_create(key, options)).connect()

    async def fetch(
        self,
        key: list[str],
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
    ) -> Response:
        """`fetch` of a new handle of `getOrCreate`."""
        handle = await self.get_or_create(key)
        return await handle.fetch(path, method=method, headers=headers, body=body)

    async def gateway_url(self, key: list[str]) -> str:
        """`getGatewayUrl()` of a new handle of `getOrCreate`."""
        return await (await self.get_or_create(key)).gateway_url()

    async def echo(self, value: object) -> Any:
        """A value, to Node.js and back."""
        return await self.driver.ask("echo", value=value)

    async def requests(self) -> list[str]:
        """The HTTP requests since the last time, as `GET /path?query`: those of WebSockets are not among them."""
        said: list[str] = await self.driver.ask("requests")
        return said

    def connection(self, number: int) -> Connection:
        """The connection with this number; the driver may tell of it before its number is known here."""
        return self._connections.setdefault(number, Connection(self.driver, number))

    async def _handle(self, how: str, of: list[str] | str, options: Mapping[str, object]) -> Handle:
        return Handle(self, await self.driver.ask("handle", how=how, of=of, options=options))

    def _told(self, said: dict[str, Any]) -> None:
        if "from" in said:
            self.connection(said["from"]).take(said)


@dataclass(frozen=True, slots=True)
class Handle:
    """A handle of the client; it keeps what the client keeps of it between calls."""

    client: NpmClient
    number: int

    async def action(self, name: str, *values: object) -> Any:
        """`handle.{name}(…values)`: by HTTP."""
        return await self.client.driver.ask("call", object=self.number, name=name, values=values)

    async def resolve(self) -> str:
        """`handle.resolve()`: the id."""
        said: str = await self.client.driver.ask("resolve", object=self.number)
        return said

    async def gateway_url(self) -> str:
        """`handle.getGatewayUrl()`."""
        said: str = await self.client.driver.ask("gatewayUrl", object=self.number)
        return said

    async def fetch(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
    ) -> Response:
        """`handle.fetch(path, {method, headers, body})`; its body is read to the end."""
        init: dict[str, object] = {"method": method, "headers": headers or {}}
        if body is not None:
            init["body"] = body
        said = await self.client.driver.ask("fetch", object=self.number, path=path, init=init)
        return Response(said["status"], [(name, value) for name, value in said["headers"]], said["body"])

    async def connect(self) -> Connection:
        """`handle.connect()`: it does not wait until the connection is open."""
        return self.client.connection(await self.client.driver.ask("connect", object=self.number))


class Connection:
    """A connection of the client, which connects again by itself.

    Attributes:
        number: the driver's number of it.
        statuses: each `connStatus` it has told of, in order.
        errors: what `onError` was told, in order.
    """

    def __init__(self, driver: DriverProcess, number: int) -> None:
        self.number = number
        self.statuses: list[str] = []
        self.errors: list[ClientError] = []
        self._driver = driver
        self._events: defaultdict[str, asyncio.Queue[list[Any]]] = defaultdict(asyncio.Queue)
        self._changed = asyncio.Event()

    async def action(self, name: str, *values: object) -> Any:
        """`connection.{name}(…values)`: over the connection."""
        return await self._driver.ask("call", object=self.number, name=name, values=values)

    async def subscribe(self, event: str) -> None:
        """`connection.on(event, …)`."""
        await self._driver.ask("subscribe", object=self.number, name=event)

    async def unsubscribe(self, event: str) -> None:
        """Call what `on` gave."""
        await self._driver.ask("unsubscribe", object=self.number, name=event)

    async def event(self, name: str) -> list[Any]:
        """The arguments of the next event of this name.

        Raises:
            TimeoutError: none came in time.
        """
        async with asyncio.timeout(self._driver.seconds):
            return await self._events[name].get()

    def waiting_events(self, name: str) -> int:
        """How many events of this name have come that `event` has not given yet."""
        return self._events[name].qsize()

    async def status(self, wanted: str, times: int = 1) -> None:
        """Wait until the connection has told of a status so many times.

        Raises:
            TimeoutError: it has not in time.
        """
        await self._until(lambda: self.statuses.count(wanted) >= times)

    async def error(self, times: int = 1) -> ClientError:
        """Wait for the first error that `onError` is told, or a later one.

        Raises:
            TimeoutError: there was none in time.
        """
        await self._until(lambda: len(self.errors) >= times)
        return self.errors[times - 1]

    async def dispose(self) -> None:
        """`connection.dispose()`."""
        await self._driver.ask("dispose", object=self.number)

    def take(self, said: dict[str, Any]) -> None:
        """Take what the driver tells of it."""
        if "event" in said:
            self._events[said["event"]].put_nowait(from_json(said["values"]))
            return
        if "status" in said:
            self.statuses.append(said["status"])
        else:
            self.errors.append(error_of(said["error"]))
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(self._driver.seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
