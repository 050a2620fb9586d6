"""What a server is configured with: plain frozen values, validated when they are made."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from hatchway.errors import InvalidRequest
from hatchway.nearest import unknown_setting

if TYPE_CHECKING:
    from hatchway.software import Software

MIB = 1024 * 1024
GIB = 1024 * MIB
SMALLEST_DISK = 16 * MIB


def _positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequest("invalid_option", f"{name} must be a whole number of at least 1, not {value!r}")


class _KnownNames:
    """A base of dataclasses whose keywords people write: one that does not exist is refused with the nearest."""

    __slots__ = ()

    def __new__(cls, *_: object, **given: object) -> Self:
        known = {each.name: each.name for each in dataclasses.fields(cls)}  # type: ignore[arg-type]
        for name in given.keys() - known.keys():
            raise unknown_setting(
                f"{cls.__name__} has no {name!r}", name, known, f"it has {', '.join(known)}"
            )
        return object.__new__(cls)


@dataclass(frozen=True, slots=True)
class PreviewOptions(_KnownNames):
    """How long previews live."""

    default_expires_in_seconds: int = 3600
    """The life of a preview that does not ask for one."""
    max_expires_in_seconds: int = 86400
    """The longest life that may be asked for."""

    def __post_init__(self) -> None:
        _positive("default_expires_in_seconds", self.default_expires_in_seconds)
        _positive("max_expires_in_seconds", self.max_expires_in_seconds)
        if self.default_expires_in_seconds > self.max_expires_in_seconds:
            raise InvalidRequest(
                "invalid_option",
                f"default_expires_in_seconds ({self.default_expires_in_seconds}) is over "
                f"max_expires_in_seconds ({self.max_expires_in_seconds})",
                "lower the default or raise the maximum",
            )


@dataclass(frozen=True, slots=True)
class Limits(_KnownNames):
    """What one VM may use. `hatchway doctor` says which of these this machine can enforce."""

    processes: int = 512
    """Processes and threads at one time."""
    memory_bytes: int = 2 * GIB
    """Memory of all processes and tmpfs files together."""
    file_bytes: int = 8 * GIB
    """The size of one file."""
    open_files: int = 4096
    """File descriptors of one process."""
    tmp_bytes: int = 512 * MIB
    """The size of each of /tmp, /dev/shm and /run."""
    disk_bytes: int | None = None
    """What its files on disk may take together; None: as much as the host has, less its reserve. A root server with
    loop devices and mkfs.ext4 makes a disk of exactly this size when the VM first starts, whose size then stays; any
    other measures, and stops a VM that is over it and grows. At least 16 MiB."""
    cpu_weight: int = 100
    """The share of CPU under contention, 1 to 10,000, as in cgroup v2's cpu.weight; 100 is an equal share."""

    def __post_init__(self) -> None:
        for name in ("processes", "memory_bytes", "file_bytes", "open_files", "tmp_bytes", "cpu_weight"):
            _positive(name, getattr(self, name))
        if self.disk_bytes is not None:
            _positive("disk_bytes", self.disk_bytes)
            if self.disk_bytes < SMALLEST_DISK:
                raise InvalidRequest(
                    "invalid_option",
                    f"disk_bytes must be at least {SMALLEST_DISK} (16 MiB), not {self.disk_bytes}",
                )
        if self.cpu_weight > 10_000:
            raise InvalidRequest("invalid_option", f"cpu_weight must be 1 to 10000, not {self.cpu_weight}")


@dataclass(frozen=True, slots=True)
class IdleOptions(_KnownNames):
    """What becomes of a VM that nobody uses: no call about it, no connection into it, no running `exec`, no open shell.

    Programs in it that work by themselves do not count as use: give a VM for those `pause_after=None`.
    """

    pause_after: float | None = 300.0
    """After how many seconds it is paused: its processes are frozen, and go on with the next use. None: never."""
    sleep_after: float | None = 3600.0
    """After how many seconds it is put to sleep: its processes are ended, its disk is kept. None: never."""

    def __post_init__(self) -> None:
        for name in ("pause_after", "sleep_after"):
            value = getattr(self, name)
            if value is None:
                continue
            # Not `< 0` alone: of NaN everything is false.
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise InvalidRequest(
                    "invalid_option",
                    f"{name} must be a number of seconds from 0, or None for never, not {value!r}",
                )
            object.__setattr__(self, name, float(value))


@dataclass(frozen=True, slots=True)
class VmOptions:
    """One kind of VM that a server offers, under a name of the user's choice. Made by `agent_os()`."""

    software: tuple[Software, ...] = ()
    """What its VMs can run; what that needs comes along."""
    preview: PreviewOptions = field(default_factory=PreviewOptions)
    limits: Limits = field(default_factory=Limits)
    idle: IdleOptions = field(default_factory=IdleOptions)
