"""One VM by its key: files, processes, shells, events, HTTP to its services, previews."""

from __future__ import annotations

from hatchway.client import wire
from hatchway.client.aio.cron import Cron
from hatchway.client.aio.declared_services import DeclaredServices
from hatchway.client.aio.disk import Disk
from hatchway.client.aio.events import FollowsEvents
from hatchway.client.aio.life import Life
from hatchway.client.aio.ports import Ports
from hatchway.client.aio.previews import Previews
from hatchway.client.aio.processes import Processes
from hatchway.client.aio.services import Services
from hatchway.client.aio.shells import Shells
from hatchway.client.aio.transfer import Transfer
from hatchway.client.aio.transport import read_answer
from hatchway.client.aio.vm_calls import vm_path
from hatchway.client.answers import VmInfo
from hatchway.errors import NotFound
from hatchway.vm.key import Key


class Agent(
    Transfer, Processes, Services, Previews, DeclaredServices, Ports, Cron, FollowsEvents, Shells, Life, Disk
):
    """One VM, found by its kind and key. Made by `client.vm.get_or_create(key)`, or by `get` if it must be there.

    The VM is looked up, and made if there is none, by the first action; it boots when it first has to. If it
    has been destroyed meanwhile, the next action makes a new one under the same key. An agent of `get` makes none: its
    actions are refused with `vm_not_found` then.

    Every action raises `HatchwayError`: the server's own refusals with their `code` and `hint`, and
    `ConnectionFailed` (`server_unreachable`, `connection_lost`, `timeout`). Where the server says more, it is in the
    error's `retry_after` and `details`.
    """

    @property
    def kind(self) -> str:
        """The kind of VM, as the server names it."""
        return self._vm.kind

    @property
    def key(self) -> Key:
        """The VM's key, as its parts."""
        return self._vm.key

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kind={self.kind!r}, key={list(self.key)!r})"

    async def info(self) -> VmInfo:
        """What the server says of the VM. Does not start it."""
        answer = await self._vm.call("GET", "", wire.VmInfo)
        return answer.public()

    async def destroy(self) -> None:
        """Stop the VM and delete its files, processes and previews. Its key is free then."""
        vm = ""
        try:
            vm = await self._vm.id.get()
            async with self._vm.transport.send("DELETE", vm_path(vm)) as answer:
                await read_answer(answer)
        except NotFound as error:
            if error.code != "vm_not_found":
                raise
        self._vm.id.forget(vm)
