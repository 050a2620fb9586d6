"""The TCP ports that are listened on in a VM, as its guest init reads them. What it says is checked."""

from __future__ import annotations

import ipaddress
import os

from hatchway.errors import Unavailable
from hatchway.vm.guest_errors import general_error
from hatchway.vm.records import ListeningPort
from hatchway.vm.sandbox.channel import Channel, GuestPort, GuestRefusal
from hatchway.vm.sandbox.guest_ports import MAX_COMMAND_BYTES, MAX_PORTS
from hatchway.vm.system_processes import MAX_PID, split_arguments


async def read_ports(channel: Channel) -> list[ListeningPort]:
    """The ports, lowest first; at most `MAX_PORTS` of them.

    Raises:
        Unavailable: `vm_stopped`, `vm_failed`.
    """
    try:
        answer, fds = await channel.request("ports")
    except GuestRefusal as refusal:
        raise general_error(refusal) from None
    for fd in fds:
        os.close(fd)  # no answer to this has any
    if len(answer.ports) > MAX_PORTS:
        raise _wrong()
    return [_checked(told) for told in answer.ports]


def _checked(told: GuestPort) -> ListeningPort:
    try:
        address = ipaddress.ip_address(told.address)
    except ValueError:
        raise _wrong() from None
    has_zone = (
        "%" in told.address
    )  # which may be any text (RFC 4007, section 11); the kernel's tables have none
    if (
        has_zone
        or address.version != told.family
        or not 1 <= told.port <= 65535
        or not 0 <= told.pid <= MAX_PID
        or len(told.command) > MAX_COMMAND_BYTES
    ):
        raise _wrong()
    return ListeningPort(
        port=told.port,
        address=str(address),
        family="ipv4" if told.family == 4 else "ipv6",
        pid=told.pid or None,
        command=split_arguments(told.command),
    )


def _wrong() -> Unavailable:
    return Unavailable("vm_failed", "the VM gave a wrong answer")
