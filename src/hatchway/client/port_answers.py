"""What calls about ports give. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A TCP port that is listened on in a VM."""

    port: int
    address: str
    """Such as 127.0.0.1, 0.0.0.0 or ::."""
    family: Literal["ipv4", "ipv6"]
    pid: int | None
    """Inside the VM, of the process that listens; None: it cannot be seen, such as one of another user."""
    command: tuple[str, ...]
    """That process's program and arguments, as far as they are told; its own words."""
