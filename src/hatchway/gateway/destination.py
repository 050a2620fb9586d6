"""What a request head addresses: a preview, a VM's port (`vm_fetch`), or the control API. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hatchway.errors import InvalidRequest
from hatchway.preview.address import AddressMode, parse_host, parse_path
from hatchway.preview.grant import validate_port

_PORT_PATH = re.compile(rb"/api/vms/([A-Za-z0-9_-]{1,128})/ports/([^/?]*)(/.*)", re.DOTALL)
_DIGITS = re.compile(rb"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class PreviewDestination:
    """A preview, by any of its three addresses."""

    token: str
    """What stands where a token belongs; it may be malformed."""
    mode: AddressMode
    prefix: bytes
    """What was cut from the front of the target in path mode (no trailing slash), b"" otherwise."""
    target: bytes
    """The origin-form target for the service, beginning with `/`."""
    slash_missing: bool = False
    """In path mode: nothing, not even a slash, followed the token, so relative links would miss it."""

    def __repr__(self) -> str:
        return f"PreviewDestination(mode={self.mode.value!r})"


@dataclass(frozen=True, slots=True)
class PortDestination:
    """`vm_fetch`: a port of a VM for a caller with the API credential:
    `/api/vms/{vm_id}/ports/{port}/{path}`."""

    vm_id: str
    port: int
    prefix: bytes
    target: bytes


@dataclass(frozen=True, slots=True)
class ControlDestination:
    """The control API, with the target as it came."""

    target: bytes


Destination = PreviewDestination | PortDestination | ControlDestination


def find_destination(
    host: bytes | None, target: bytes, token_header: bytes | None, preview_domain: str
) -> Destination:
    """What a request addresses: by its host first, then by the token header, then by its path.

    Args:
        host: the Host field, or the authority of an absolute-form target.
        target: the target in origin form.
        token_header: the `Hatchway-Preview-Token` field.
        preview_domain: previews in host mode are one label below this domain.

    Raises:
        InvalidRequest: `invalid_port`, for a `vm_fetch` to something that is no port.
    """
    if host is not None:
        label = parse_host(host, preview_domain)
        if label is not None:
            return PreviewDestination(label, AddressMode.HOST, b"", target)
    if token_header is not None:
        return PreviewDestination(token_header.decode("latin-1"), AddressMode.HEADER, b"", target)
    address = parse_path(target)
    if address is not None:
        rest = address.rest
        missing = not rest.startswith(b"/")
        return PreviewDestination(
            address.token, AddressMode.PATH, address.prefix, b"/" + rest if missing else rest, missing
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
