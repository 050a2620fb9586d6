# Written by tools/generate-sync-client from hatchway/client/aio/ports.py.
"""The ports that are listened on in one VM."""

from __future__ import annotations

from hatchway.client import wire
from hatchway.client.fetch_request import check_port
from hatchway.client.parameters import check_timeout
from hatchway.client.port_answers import PortInfo
from hatchway.client.sync.vm_calls import VmActions


class Ports(VmActions):
    """What an agent asks about ports."""

    def ports(self) -> list[PortInfo]:
        """The TCP ports that are listened on in the VM, lowest first. One that is asleep has none, and is not woken."""
        answer = self._vm.call("GET", "/ports", wire.Ports)
        return [port.public() for port in answer.ports]

    def wait_for_port(self, port: int, timeout: float = 30.0) -> None:
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
        self._vm.do("POST", "/wait-for-port", body=body, patient=True)
