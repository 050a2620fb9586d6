# Written by tools/generate-sync-client from hatchway/client/aio/vm_calls.py.
"""One VM by its key, and calls of the control API about it: what every noun of an agent is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from hatchway.client import wire
from hatchway.client.parameters import vm_query
from hatchway.client.sync.single_flight import SingleFlight
from hatchway.client.sync.transport import Transport, json_body, read_answer
from hatchway.errors import NotFound
from hatchway.vm.key import Key

T = TypeVar("T")


class VmCalls:
    """Calls about one VM, which is looked up by the first of them.

    Args:
        transport: to the server.
        kind: the kind of VM.
        key: its key, checked.
        make: make the VM if there is none; else its calls are refused with `vm_not_found`.
    """

    def __init__(self, transport: Transport, kind: str, key: Key, *, make: bool = True) -> None:
        self.transport = transport
        self.kind = kind
        self.key = key
        self.id = SingleFlight(self._get_or_create if make else self._find)
        """The VM's id in the control API."""

    def on_vm(self, action: Callable[[str], T], *, replayable: bool = True) -> T:
        """Run `action` with the VM's path in the control API; if that VM is gone, with the one that the key finds then.

        Args:
            action: given the path, such as `/api/vms/{id}`.
            replayable: whether it can be run a second time. What streams a body cannot.
        """
        vm = self.id.get()
        try:
            return action(vm_path(vm))
        except NotFound as error:
            if error.code != "vm_not_found":
                raise
            self.id.forget(vm)
            if not replayable:
                raise
        return action(vm_path(self.id.get()))

    def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        body: Any = None,
        patient: bool = False,
        within: float | None = None,
    ) -> T:
        """One call with a JSON answer.

        Args:
            method: the HTTP method.
            path: below the VM's.
            answer: the type that the answer is read as.
            body: sent as JSON unless it is None.
            patient: whether the answer may take any time.
            within: seconds that no step may take longer than.
        """

        def call(vm: str) -> T:
            return self.transport.call(method, vm + path, answer, body=body, patient=patient, within=within)

        return self.on_vm(call)

    def call_if_there(self, method: str, path: str, answer: type[T], *, body: Any = None) -> T | None:
        """As `call`, about what goes with its VM: None if the VM is gone. No other takes its place."""
        vm = ""
        try:
            vm = self.id.get()
            return self.transport.call(method, vm_path(vm) + path, answer, body=body)
        except NotFound as error:
            if error.code != "vm_not_found":
                raise
            self.id.forget(vm)
            return None

    def do(self, method: str, path: str, *, body: Any = None, patient: bool = False) -> None:
        """A call whose answer says nothing but that it was done. Parameters as for `call`."""
        headers, content = json_body(body)

        def call(vm: str) -> None:
            with self.transport.send(
                method, vm + path, headers=headers, content=content, patient=patient
            ) as answer:
                read_answer(answer)

        self.on_vm(call)

    def _get_or_create(self) -> str:
        body = {"name": self.kind, "key": list(self.key)}
        answer = self.transport.call("POST", "/api/vms", wire.Vm, body=body)
        return answer.id

    def _find(self) -> str:
        answer = self.transport.call("GET", f"/api/vms?{vm_query(self.kind, self.key)}", wire.Vms)
        if not answer.vms:
            raise NotFound(
                "vm_not_found",
                "there is no VM of this kind with this key",
                "it may have been destroyed, or was never made",
            )
        return answer.vms[0].id


class VmActions:
    """What can be done with one VM, by one noun.

    Args:
        vm: the VM.
    """

    def __init__(self, vm: VmCalls) -> None:
        self._vm = vm


def vm_path(vm_id: str) -> str:
    """The path of a VM in the control API."""
    return f"/api/vms/{quote(vm_id, safe='')}"


def vm_of(path: str) -> str:
    """The id of the VM that has this path."""
    return unquote(path.rpartition("/")[2])
