"""The ports that are listened on in one VM."""

from __future__ import annotations

from hatchway.client import wire
from hatchway.client.aio.vm_calls import VmActions
from hatchway.client.fetch_request import check_port
from hatchway.client.parameters import check_timeout
from hatchway.client.port_answers import PortInfo


class Ports(VmActions):
    """What an agent asks about ports."""

    async def ports(self) -> list[PortInfo]:
        """The TCP ports that are listened on in the VM, lowest first. One that is asleep has none, and is not woken."""
        answer = await self._vm.call("GET", "/ports", wire.Ports)
        return [port.public() for port in answer.ports]

    async def wait_for_port(self, port: int, timeout: float = 30.0) -> None:
        """Wait until something in the VM accepts connections on a port.

        Args:
            port: the TCP port.
            timeout: seconds to wait at most.

        Raises:
            InvalidRequest: `invalid_port`, `invalid_timeout`.
            Conflict: `port_closed`: nothing did in time; `process_exited`: nothing will, since the program spawned
                last has ended: `details` has its exit code, signal and last lines of stderr.
        """
        body = {"port": check_port(port), "timeout": check_timeout(timeout)}
        await self._vm.do("POST", "/wait-for-port", body=body, patient=True)
