"""The life of one VM: waking, pausing and sleeping."""

from __future__ import annotations

from hatchway.client import wire
from hatchway.client.aio.vm_calls import VmActions
from hatchway.client.answers import VmInfo
from hatchway.options import IdleOptions


class Life(VmActions):
    """What an agent does with the life of its VM. All of it happens by itself too: by use, and by want of it."""

    async def wake(self) -> VmInfo:
        """Boot or resume the VM, and start its declared services. One that runs is left as it is."""
        return (await self._vm.call("POST", "/wake", wire.VmInfo)).public()

    async def pause(self) -> VmInfo:
        """Freeze the VM's processes where they are; its next use lets them go on, within about a millisecond.

        Raises:
            Conflict: `vm_in_use`: a connection, a command or a shell is open.
        """
        return (await self._vm.call("POST", "/pause", wire.VmInfo)).public()

    async def sleep(self) -> VmInfo:
        """End the VM's processes, kindly first, and keep its disk; its next use boots it, with its declared services.

        What uses it right now is ended too.
        """
        return (await self._vm.call("POST", "/sleep", wire.VmInfo, patient=True)).public()

    async def set_idle(self, *, pause_after: float | None, sleep_after: float | None) -> VmInfo:
        """Set after how long without use the VM is paused and put to sleep. It is kept, whatever its kind says.

        Args:
            pause_after: seconds; None: never.
            sleep_after: seconds; None: never.

        Raises:
            InvalidRequest: `invalid_option`.
        """
        options = IdleOptions(pause_after, sleep_after)
        body = {"pause_after": options.pause_after, "sleep_after": options.sleep_after}
        return (await self._vm.call("PUT", "/idle", wire.VmInfo, body=body)).public()
