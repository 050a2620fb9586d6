"""The sandbox of one server: everything that is made once (zygote, skeleton, cgroups), and guests from it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hatchway.errors import Unavailable
from hatchway.options import Limits
from hatchway.vm.background import Background
from hatchway.vm.sandbox import disk, disk_image, id_ranges
from hatchway.vm.sandbox.cgroups import Cgroups, GuestGroup
from hatchway.vm.sandbox.channel import Channel
from hatchway.vm.sandbox.client import LaunchRequest, Zygote
from hatchway.vm.sandbox.skeleton import build_skeleton

HOST_USR = Path("/usr")
PROBE = "probe"
_GROUP_REMOVAL_ATTEMPTS = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest that has just started."""

    channel: Channel
    sockets: list[int]
    """Unconnected TCP sockets of its network namespace, made before any guest process ran; owned by the caller."""
    group: GuestGroup

    async def end(self) -> None:
        """End a guest that nobody will use."""
        for fd in self.sockets:
            os.close(fd)
        self.channel.kill()
        await asyncio.shield(self.channel.wait_ended())


class Sandbox:
    """Makes guests under one data folder. Start it with `Sandbox.start`."""

    def __init__(self, vms: Path, skeleton: Path, zygote: Zygote, cgroups: Cgroups) -> None:
        self._vms = vms
        self._skeleton = skeleton
        self._zygote = zygote
        self._cgroups = cgroups
        self._replacing = asyncio.Lock()
        self._groups = itertools.count(1)
        self._next_group: GuestGroup | None = None
        self._next_limits = Limits()
        self._is_root = os.geteuid() == 0
        self._can_make_images: bool | None = None
        self._background = Background()

    @property
    def controllers(self) -> frozenset[str]:
        """Which cgroup controllers hold for guests: of `memory`, `pids` and `cpu`."""
        return self._cgroups.controllers

    @property
    def zygote_pid(self) -> int:
        """The host pid of the zygote, the parent of every guest init."""
        return self._zygote.pid

    @property
    def vms(self) -> Path:
        """Where the folders of VMs are."""
        return self._vms

    @classmethod
    async def start(cls, data_dir: Path) -> Sandbox:
        """Start the zygote, and prove with a first guest that this machine isolates.

        Args:
            data_dir: where VMs' folders and the skeleton are kept; exists and is this user's own.

        Raises:
            Unavailable: `isolation_unavailable`: the machine cannot isolate VMs, and why. There is no lesser mode.
                `storage_failed`: the data folder cannot be written.
        """
        vms = data_dir / "vms"
        try:
            vms.mkdir(mode=0o700, exist_ok=True)
            skeleton = build_skeleton(data_dir / "layers")
        except OSError as error:
            raise Unavailable(
                "storage_failed",
                f"the data folder cannot hold VMs ({os.strerror(error.errno or 0)})",
                "check its permissions, and that its disk has room",
            ) from None
        sandbox = cls(vms, skeleton, await Zygote.start(), Cgroups.detect())
        try:
            await sandbox._prove_isolation()
        except BaseException:
            await sandbox.close()
            raise
        return sandbox

    async def boot(
        self,
        name: str,
        slot: int,
        limits: Limits,
        layers: Sequence[Path],
        on_exited: Callable[[int, int], None],
    ) -> Guest:
        """Start the guest of the VM `name`, whose folder is made if it is not there.

        Args:
            name: the VM's id.
            slot: which id range is the VM's, under a root server.
            limits: what it may use.
            layers: provided software, each laid out as /usr.
            on_exited: called with (pid, wait status) for every process started in it that ends.

        Raises:
            Unavailable: `vm_boot_failed`; `isolation_unavailable`.
        """
        folder = self._vms / name
        try:
            disk.prepare(folder, id_ranges.first_uid(slot) if self._is_root else None)
            image = await self._image(folder, slot, limits.disk_bytes)
            group = self._take_group(limits)
        except OSError as error:
            raise Unavailable(
                "vm_boot_failed", f"the VM's folder could not be made ({os.strerror(error.errno or 0)})"
            ) from None
        request = LaunchRequest(
            folder=folder,
            image=image,
            slot=slot if self._is_root else None,
            skeleton=self._skeleton,
            usr_layers=[*layers, HOST_USR],
            limits=limits,
            group=group,
        )
        try:
            zygote = await self._living_zygote()
            channel, sockets = await zygote.launch(request, on_exited)
        except BaseException:
            self._remove_group_soon(group)
            raise
        self._prepare_next_soon(zygote, limits)
        channel.ended.add_done_callback(lambda _: self._remove_group_soon(group))
        guest = Guest(channel, sockets, group)
        if self._is_root and runs_as_host_root(channel.pid):
            await guest.end()
            raise Unavailable("isolation_unavailable", "the VM's root would be this machine's root")
        return guest

    async def _image(self, folder: Path, slot: int, size: int | None) -> Path | None:
        """The image with the VM's disk: there already, or made before it first starts, where one can be."""
        image = disk.image_of(folder)
        if image is not None or size is None or disk.is_used(folder) or not await self._images_work():
            return image
        image = folder / disk_image.IMAGE
        await asyncio.to_thread(disk_image.make, image, size, id_ranges.first_uid(slot))
        return image

    async def _images_work(self) -> bool:
        """Whether a disk of an exact size can be had: tried once, when it is first asked for."""
        if self._can_make_images is None:
            self._can_make_images = await asyncio.to_thread(disk_image.work_in, self._vms)
        return self._can_make_images

    async def remove(self, name: str) -> None:
        """Remove the folder of a VM that does not run."""
        await asyncio.to_thread(disk.remove, self._vms / name)

    async def close(self) -> None:
        """End the zygote. Every guest must have ended before."""
        await self._zygote.close()
        if self._next_group is not None:
            self._remove_group_soon(self._next_group)
            self._next_group = None
        await self._background.finish()
        self._cgroups.close()

    async def _living_zygote(self) -> Zygote:
        """The zygote, or another in the place of one that was killed. Guests that run live on without it."""
        async with self._replacing:
            if self._zygote.has_ended:
                _log.warning("the process that starts VMs has ended: starting another")
                await self._zygote.close()
                self._zygote = await Zygote.start()
            return self._zygote

    def _take_group(self, limits: Limits) -> GuestGroup:
        """The groups of a guest to start, never used before: those of another may still be on their way out."""
        group, self._next_group = self._next_group, None
        if group is None:
            return self._cgroups.create(f"guest-{next(self._groups)}", limits)
        if limits != self._next_limits:
            group.set_limits(limits)
        return group

    def _prepare_next_soon(self, zygote: Zygote, limits: Limits) -> None:
        """Make the groups of the next guest, and have the guest init that waits ready enter them.

        Most guests of a server have the same limits, so the next is expected to have those of the last.
        """

        async def prepare() -> None:
            if self._next_group is None and self.controllers and not zygote.has_ended:
                self._next_limits = limits
                self._next_group = self._cgroups.create(f"guest-{next(self._groups)}", limits)
                await zygote.prepare(self._next_group)

        self._background.start(prepare())

    async def _prove_isolation(self) -> None:
        await self.remove(PROBE)
        try:
            guest = await self.boot(PROBE, id_ranges.PROBE_SLOT, Limits(), [], lambda _pid, _status: None)
        except Unavailable as error:
            raise Unavailable(
                "isolation_unavailable", f"this machine cannot isolate VMs: {error.message}", error.hint
            ) from None
        await guest.end()
        await self.remove(PROBE)

    def _remove_group_soon(self, group: GuestGroup) -> None:
        """Remove a VM's groups; the last process may still be on its way out of them."""

        async def remove() -> None:
            for attempt in range(_GROUP_REMOVAL_ATTEMPTS):
                if group.remove():
                    return
                await asyncio.sleep(min(0.001 * 2**attempt, 0.1))

        self._background.start(remove())


def runs_as_host_root(pid: int) -> bool:
    """Whether a process has the host's root among its uids (proc(5), `Uid` of /proc/PID/status).

    A guest with it could write to /proc/sys and so leave its VM (user_namespaces(7)).
    """
    with open(f"/proc/{pid}/status", "rb") as status:
        uids = next(line for line in status if line.startswith(b"Uid:")).split()[1:]
    return b"0" in uids
