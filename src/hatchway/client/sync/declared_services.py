# Written by tools/generate-sync-client from hatchway/client/aio/declared_services.py.
"""The declared services of one VM: programs that are kept running whenever it runs."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from hatchway.client import wire
from hatchway.client.parameters import service_body, service_path
from hatchway.client.service_answers import ServiceInfo, not_ready
from hatchway.client.sync.transport import check_ok
from hatchway.client.sync.vm_calls import VmActions, vm_path


class DeclaredServices(VmActions):
    """What an agent does with declared services."""

    def service(
        self,
        name: str,
        command: str,
        args: Sequence[str] = (),
        *,
        port: int | None = None,
        ready: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout: float = 30.0,
    ) -> ServiceInfo:
        """Declare a service, start it, and wait until it is ready.

        From then on it is kept running: it is started again when it ends, and whenever its VM wakes, also after a
        restart of the server. A service of that name is replaced; the same one, if it is well, goes on.

        Args:
            name: 1 to 63 letters, digits, dots, underscores and dashes.
            command: the program.
            args: its arguments.
            port: the TCP port that it listens on; without one it is ready once it has run for a moment.
            ready: a path on that port that answers with a status below 400 once it is ready; by default it is ready
                once the port accepts connections.
            env: added to the VM's own environment. It is kept in the server's database.
            cwd: the working directory; by default /home/user.
            timeout: seconds to wait until it is ready. 0: do not wait.

        Raises:
            InvalidRequest: `invalid_service`, `invalid_port`, `invalid_command` and others.
            Unavailable: `service_not_ready`, with `details`; it stays declared.
        """
        path = service_path(name)
        body = service_body(command, args, port, ready, env, cwd, timeout)
        answer = self._vm.call("PUT", path, wire.Service, body=body, patient=True)
        info = answer.public()
        if timeout and info.state != "ready":
            raise not_ready(info, timeout)
        return info

    def list_services(self) -> list[ServiceInfo]:
        """The declared services of the VM, by name. Does not wake it."""
        answer = self._vm.call("GET", "/services", wire.ServiceList)
        return [service.public() for service in answer.services]

    def get_service(self, name: str) -> ServiceInfo:
        """One of the declared services. Does not wake the VM.

        Raises:
            NotFound: `service_not_found`.
        """
        answer = self._vm.call("GET", service_path(name), wire.Service)
        return answer.public()

    def remove_service(self, name: str) -> bool:
        """Declare a service no longer: it is ended, and its log deleted. False if there was none."""
        answer = self._vm.call_if_there("DELETE", service_path(name), wire.Removed)
        return answer is not None and answer.removed

    def logs(self, name: str, *, follow: bool = False) -> Generator[bytes, None]:
        """What a declared service has written, as far as it is kept, and notes of its starts and ends.

        Args:
            name: the service.
            follow: go on with what it writes from now on, until it is removed.

        Returns:
            Pieces of the log, stdout and stderr as they came. They end anywhere, also inside a line.

        Raises:
            NotFound: `service_not_found`.
        """
        path = service_path(name) + "/log" + ("?follow=true" if follow else "")
        vm = vm_path(self._vm.id.get())
        with self._vm.transport.send("GET", vm + path, patient=True) as answer:
            check_ok(answer)
            for piece in answer.iter_raw():
                yield piece
