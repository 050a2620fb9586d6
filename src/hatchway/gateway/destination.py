"""What a request head addresses: a preview, a VM's port (`vm_fetch`), or the control API. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hatchway.preview.address import AddressMode


@dataclass(frozen=True, slots=True)
class PreviewDestination:
    """A preview, by any of its three addresses."""

    token: str
    mode: AddressMode
    prefix: bytes
    """What was cut from the front of the target in path mode (no trailing slash), b"" otherwise."""
    target: bytes
    """The origin-form target for the service, beginning with `/`."""

    def __repr__(self) -> str:
        return f"PreviewDestination(mode={self.mode.value!r})"


@dataclass(frozen=True, slots=True)
class PortDestination:
    """`vm_fetch`: a port of a VM for a caller with the API credential: `/api/vms/{vm_id}/ports/{port}/{path}`."""

    vm_id: str
    port: int
    prefix: bytes
    target: bytes


@dataclass(frozen=True, slots=True)
class ControlDestination:
    """The control API, with the target as it came."""

    target: bytes


Destination = PreviewDestination | PortDestination | ControlDestination
