"""What a request head addresses: a preview, a VM's port (`vm_fetch`), or the control API. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from hatchway.errors import InvalidRequest
from hatchway.preview.address import AddressMode, parse_host, parse_path
from hatchway.preview.grant import validate_port

_PORT_PATH = re.compile(rb"/api/vms/([A-Za-z0-9_-]{1,128})/ports/([^/?]*)(/.*)", re.DOTALL)
_DIGITS = re.compile(rb"[0-9]{1,5}")


class PreviewDestination(NamedTuple):
    """A preview, by any of its three addresses."""

    token: str
    """What stands where a token belongs; it may be malformed."""
    mode: AddressMode
    prefix: bytes
    """What was cut from the front of the target in path mode (no trailing slash), b"" otherwise."""
    target: bytes
    """The origin-form target for the service, beginning with `/`; or `*`."""
    slash_missing: bool = False
    """In path mode: nothing, not even a slash, followed the token, so relative links would miss it."""
    moved: bool = False
    """In path mode: the address holds what no page should find in it; see `PathAddress.moved`."""

    @property
    def address(self) -> tuple[object, ...]:
        """All but the target."""
        return self.token, self.mode, self.prefix

    def __repr__(self) -> str:
        return f"PreviewDestination(mode={self.mode.value!r})"


class PortDestination(NamedTuple):
    """`vm_fetch`: a port of a VM for a caller with the API credential:
    `/api/vms/{vm_id}/ports/{port}/{path}`."""

    vm_id: str
    port: int
    prefix: bytes
    target: bytes

    @property
    def address(self) -> tuple[object, ...]:
        """All but the target."""
        return self.vm_id, self.port


class ControlDestination(NamedTuple):
    """The control API, with the target as it came."""

    target: bytes

    @property
    def address(self) -> tuple[object, ...]:
        """All but the target."""
        return ()


Destination = PreviewDestination | PortDestination | ControlDestination


def preview_label(host: bytes | None, preview_domain: str) -> str | None:
    """What stands before the preview domain in a Host; None if the host is not below it."""
    return parse_host(host, preview_domain) if host is not None else None


def find_destination(label: str | None, target: bytes, token_header: bytes | None) -> Destination:
    """What a request addresses: by its host first, then by the token header, then by its path.

    Args:
        label: the `preview_label` of the Host field, or of the authority of an absolute-form target.
        target: the target in origin form, or `*`.
        token_header: the `Hatchway-Preview-Token` field.

    Raises:
        InvalidRequest: `invalid_port`, for a `vm_fetch` to something that is no port.
    """
    if label is not None:
        return PreviewDestination(label, AddressMode.HOST, b"", target)
    if token_header is not None:
        return PreviewDestination(token_header.decode("latin-1"), AddressMode.HEADER, b"", target)
    address = parse_path(target)
    if address is not None:
        rest = address.rest
        missing = not rest.startswith(b"/")
        return PreviewDestination(
            address.token,
            AddressMode.PATH,
            address.prefix,
            b"/" + rest if missing else rest,
            missing,
            address.moved,
        )
    match = _PORT_PATH.fullmatch(target)
    if match is not None:
        vm_id, port, rest = match.groups()
        return PortDestination(vm_id.decode("ascii"), _port(port), target[: -len(rest)], rest)
    return ControlDestination(target)


def _port(digits: bytes) -> int:
    if _DIGITS.fullmatch(digits) is None or (digits.startswith(b"0") and digits != b"0"):
        raise InvalidRequest("invalid_port", "port must be a whole number between 1 and 65535")
    return validate_port(int(digits))
