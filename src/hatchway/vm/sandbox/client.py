"""The server's side of the sandbox: starts the zygote and has it launch guests.

The zygote is started with posix_spawn and an empty environment, never by forking the server: a guest's memory
starts as a copy of the zygote's, and nothing of the server may be in it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import hatchway
from hatchway.errors import Unavailable
from hatchway.options import Limits
from hatchway.vm.sandbox import id_ranges, wire
from hatchway.vm.sandbox.cgroups import GuestGroup
from hatchway.vm.sandbox.channel import Channel

START_SECONDS = 10.0
"""How long the zygote or a guest may take to start. They take milliseconds: this is for a machine that is stuck."""

LAUNCHES_AT_ONCE = 8
"""More at once would not be faster, and each would seem slow."""

_PROGRAM = "import sys; sys.path.append({path!r}); from hatchway.vm.sandbox.zygote import main; main({fd})"


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a guest is made of."""

    folder: Path
    """The VM's own folder, made by `disk.prepare`."""
    image: Path | None
    """The image in it that holds the VM's disk; None: the folder itself does."""
    slot: int | None
    """Which id range guest root has, or None: the server is no root and maps its own user."""
    skeleton: Path
    usr_layers: Sequence[Path]
    """Layers of the guest's /usr, the top one first; the last is the host's /usr."""
    limits: Limits
    group: GuestGroup


class Zygote:
    """A running zygote."""

    def __init__(self, control: socket.socket, pid: int, pidfd: int) -> None:
        self._control = control
        self._sending = asyncio.Lock()
        self._launching = asyncio.Semaphore(LAUNCHES_AT_ONCE)
        self._pid = pid
        self._pidfd = pidfd
        self._gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, self._has_gone)

    @property
    def pid(self) -> int:
        """Its host pid."""
        return self._pid

    @property
    def has_ended(self) -> bool:
        """Whether it can start no more guests: it was closed, or killed."""
        return (
            self._pidfd < 0
            or os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        )

    @classmethod
    async def start(cls) -> Zygote:
        """Start one and wait until it is ready.

        Raises:
            Unavailable: `isolation_unavailable`, when it does not start.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Number 3 in the new process, whatever it is here; everything else is close-on-exec.
        source = str(Path(hatchway.__file__).parent.parent)
        program = _PROGRAM.format(path=source, fd=3)
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        try:
            pid = os.posix_spawn(  # noqa: ASYNC221 - it takes a millisecond, once
                sys.executable,
                [sys.executable, "-I", "-S", "-B", "-c", program],
                {"LANG": "C.UTF-8"},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, null, 0),
                    (os.POSIX_SPAWN_DUP2, null, 1),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3),
                ],
            )
        finally:
            os.close(null)
            theirs.close()
        ours.setblocking(False)
        zygote = cls(ours, pid, os.pidfd_open(pid))
        try:
            async with asyncio.timeout(START_SECONDS):
                ready = await asyncio.get_running_loop().sock_recv(ours, 1024)
        except (OSError, TimeoutError):
            ready = b""
        except BaseException:
            await asyncio.shield(zygote.close())
            raise
        if not ready:
            await zygote.close()
            raise Unavailable(
                "isolation_unavailable", "the process that starts VMs did not start", "run `hatchway doctor`"
            )
        return zygote

    async def launch(
        self, request: LaunchRequest, on_exited: Callable[[int, int], None]
    ) -> tuple[Channel, list[int]]:
        """Start a guest and wait until it is ready.

        Returns:
            The channel to it, and its first unconnected sockets, owned by the caller.

        Raises:
            Unavailable: `vm_boot_failed`.
        """
        async with self._launching:
            return await self._launch(request, on_exited)

    async def prepare(self, group: GuestGroup) -> None:
        """Have the guest init that waits ready enter `group`, for a launch with it to come.

        Entering one can take the kernel ten milliseconds (it may wait for an RCU grace period), and needs nothing of
        the launch. Where nothing was prepared, or another group, the launch enters its own.
        """
        try:
            await self._send(wire.encode({"op": "prepare", "cgroup_procs": group.procs_files}), None)
        except OSError:
            pass  # the zygote has ended: the next launch says so

    async def _launch(
        self, request: LaunchRequest, on_exited: Callable[[int, int], None]
    ) -> tuple[Channel, list[int]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = Channel(ours, on_exited)
        limits = request.limits
        message = wire.encode(
            {
                "op": "launch",
                "folder": str(request.folder),
                "image": None if request.image is None else str(request.image),
                "first_uid": None if request.slot is None else id_ranges.first_uid(request.slot),
                "cgroup_procs": request.group.procs_files,
                "rlimits": {
                    "processes": limits.processes,
                    "file_bytes": limits.file_bytes,
                    "open_files": limits.open_files,
                    "core_bytes": 0,
                    "locked_bytes": 8 * 1024 * 1024,
                },
                "skeleton": str(request.skeleton),
                "usr_layers": [str(layer) for layer in request.usr_layers],
                "tmp_bytes": limits.tmp_bytes,
            }
        )
        try:
            with theirs:
                await self._send(message, theirs)
            async with asyncio.timeout(START_SECONDS):
                sockets = await channel.launched()
        except BaseException as error:
            channel.kill()
            # Cancelled or not, nothing of a guest that was never handed out is left behind.
            await asyncio.shield(channel.wait_ended())
            if isinstance(error, (OSError, TimeoutError)):
                raise Unavailable("vm_boot_failed", "the VM did not start", "run `hatchway doctor`") from None
            raise
        return channel, sockets

    async def _send(self, message: bytes, guest_end: socket.socket | None) -> None:
        """Send a request; waits while the zygote's queue is full (net.unix.max_dgram_qlen messages)."""
        loop = asyncio.get_running_loop()
        fds = [] if guest_end is None else [guest_end.fileno()]
        async with self._sending:
            while True:
                try:
                    socket.send_fds(self._control, [message], fds)
                    return
                except BlockingIOError:
                    writable = asyncio.Event()
                    loop.add_writer(self._control, writable.set)
                    try:
                        await writable.wait()
                    finally:
                        loop.remove_writer(self._control)

    async def close(self) -> None:
        """End the zygote and wait until it has gone. Guests end when their own channels close. May be called again."""
        self._control.close()
        if self._pidfd < 0:
            return
        # It has nothing to finish, and one that is stuck would not notice the closed socket.
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        await self._gone.wait()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
            os.waitpid(self._pid, 0)  # noqa: ASYNC222 - its pidfd says that it has ended

    def _has_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._gone.set()
        if self._control.fileno() >= 0:
            # A launcher waiting for a request has the other end too: neither it nor those who sent one shall wait on.
            self._control.shutdown(socket.SHUT_RDWR)
