"""`AsyncClient`: one server, and the names of its VM kinds as attributes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from hatchway.client import wire
from hatchway.client.aio.agent import Agent
from hatchway.client.aio.disk import collect_garbage
from hatchway.client.aio.transport import Transport
from hatchway.client.aio.vm_calls import VmCalls
from hatchway.client.answers import VmInfo
from hatchway.client.disk_answers import Garbage
from hatchway.registry import check_kind_name
from hatchway.vm.key import parse_key

DEFAULT_URL = "http://localhost:6420"
DEFAULT_TIMEOUT = 60.0


class VmKind:
    """The VMs of one kind. Made by `client.vm`, where `vm` is the name in `setup(use={"vm": …})`."""

    def __init__(self, transport: Transport, name: str) -> None:
        self.name = check_kind_name(name)
        self._transport = transport

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def get_or_create(self, key: str | Sequence[str]) -> Agent:
        """The VM of this key: always the same one, for any number of clients. Does no I/O.

        Args:
            key: a string or a list of strings, each of at most 128 bytes and all of at most 1,024.

        Raises:
            InvalidRequest: `invalid_key`.
        """
        return Agent(VmCalls(self._transport, self.name, parse_key(key)))

    async def get(self, key: str | Sequence[str]) -> Agent:
        """The VM of this key, if there is one; none is made, neither now nor by the agent's actions.

        Raises:
            InvalidRequest: `invalid_key`.
            NotFound: `vm_not_found`.
        """
        vm = VmCalls(self._transport, self.name, parse_key(key), make=False)
        await vm.id.get()
        return Agent(vm)


class AsyncClient:
    """A client of one server.

    ```python
    from hatchway import create_client

    async with create_client("http://localhost:6420") as client:
        agent = client.vm.get_or_create(["my-agent"])
    ```

    Args:
        url: where the server is.
        token: its API token, if it has one; by default that of the environment variable `HATCHWAY_TOKEN`.
        timeout: seconds that a call may go without any progress, by default 60; None: for ever. Running and
            waiting for commands takes as long as it takes.
        unix_socket: connect to this UNIX socket instead of the URL's host and port.

    Raises:
        InvalidRequest: `invalid_url`, `invalid_token`, `invalid_timeout`, `invalid_certificates`.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        unix_socket: Path | None = None,
    ) -> None:
        if token is None:
            token = os.environ.get("HATCHWAY_TOKEN") or None
        self._transport = Transport(url, token, timeout, unix_socket)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._transport.url

    def kind(self, name: str) -> VmKind:
        """The VMs of the kind `name`: the same as the attribute of that name, for any name.

        Raises:
            InvalidRequest: `invalid_option` if that can be no kind's name.
        """
        return VmKind(self._transport, name)

    async def list_vms(self) -> list[VmInfo]:
        """Every VM of the server, of whatever kind, oldest first."""
        answer = await self._transport.call("GET", "/api/vms", wire.Vms)
        return [vm.public() for vm in answer.vms]

    async def collect_garbage(self, *, dry_run: bool = False) -> list[Garbage]:
        """Remove what no VM of the server owns any more. Safe at any time.

        Args:
            dry_run: remove nothing, only tell what would be.

        Returns:
            What was removed, or would be.
        """
        return await collect_garbage(self._transport, dry_run=dry_run)

    def __getattr__(self, name: str) -> VmKind:
        # Called only for names that are no attributes. Those with a leading underscore are asked for by copy,
        # pickle and friends, which must hear that they are not there.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.kind(name)

    async def aclose(self) -> None:
        """Close all connections. May be called again."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
