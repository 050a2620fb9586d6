"""PID 1 of a guest: builds its root, gives up every privilege it does not need, then serves the server's requests.

It speaks with the server over one SOCK_SEQPACKET socket (`wire`). Requests carry an `id`, and each has exactly
one answer with that `id`: `done`, or `error` with an errno. An `exited` message follows the end of every
process it started.

- `spawn`: start a program; its stdout and stderr (and stdin) come back as the other ends of pipes made inside, so that
  they belong to the guest's own ids and /dev/stdout can be opened.
- `open_shell`: start a program on a pseudo-terminal of the VM's own; the terminal's master comes back.
- `signal`: to the whole process group of a process started here, or to any other process of the VM alone.
- `sockets`: unconnected TCP sockets of this network namespace, for the server to connect (a socket stays in the
  namespace it was made in).
- `youngest`: how long ago the youngest process in the VM began.
- `processes`: those in the VM, page by page. `ports`: which TCP ports are listened on.
- `freeze`, `thaw`, `terminate`: all of them.
- the file requests of `guest_files`; what of them takes long is done by the children of `guest_worker`.

When the server goes, the socket closes, this process ends, and the kernel ends everything else in its pid namespace.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from hatchway.vm.sandbox import (
    capabilities,
    guest_files,
    guest_ports,
    guest_processes,
    guest_terminal,
    rlimits,
    root_fs,
    syscalls,
    wire,
)
from hatchway.vm.sandbox.descriptors import close_fds_except
from hatchway.vm.sandbox.guest_freezer import Freezer
from hatchway.vm.sandbox.guest_worker import Workers
from hatchway.vm.sandbox.wire import Message

FIRST_NAMESPACES = (
    syscalls.CLONE_NEWUSER
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWNET
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUTS
)
"""Those that need nothing of the request, and are made ahead."""

LAST_NAMESPACES = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWCGROUP
"""Made last: a mount namespace kept ready would hold the host's mounts, and the root of a cgroup namespace is where its
maker is, by then in the VM's own groups."""

HOST_NAME = "vm"
HOME = "/home/user"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_SOCKETS_PER_REQUEST = 16

_DEFAULT_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


def run(launcher: socket.socket, seccomp_filter: bytes, last_capability: int) -> NoReturn:
    """Become a guest's PID 1. Runs in the process just cloned into `FIRST_NAMESPACES`; never returns.

    Args:
        launcher: the socket to the launcher. It sends the launch request, with the socket to the server, and once the
            id maps are written the VM's folder, under a root server with the lower layers and, where it has one, the
            mount of its disk.
        seccomp_filter: the filter to install.
        last_capability: the highest capability number of this kernel.
    """
    failure: OSError | None = None
    try:
        _prepare(last_capability)
    except OSError as error:
        failure = error
    data, fds = wire.receive(launcher)
    if not data:
        os._exit(1)  # not needed any more
    channel = socket.socket(fileno=fds[0])
    close_fds_except(0, 1, 2, channel.fileno(), launcher.fileno())
    step = "prepare its namespaces"
    try:
        if failure is not None:
            raise failure
        request = wire.decode(data)
        step = "wait for the id maps"
        go, fds = wire.receive(launcher)
        if not go:
            os._exit(1)  # the launcher failed, and said so
        launcher.close()
        folder, trees = fds[0], fds[1:]
        step = "become guest root"
        if request["first_uid"] is not None:
            os.setgroups([])
            os.setresgid(0, 0, 0)
            os.setresuid(0, 0, 0)
        # Before the guest can run anything: nothing inside may read this process's memory or fds.
        syscalls.set_dumpable(False)
        step = "make its last namespaces"
        os.fchdir(folder)  # before the mount namespace is copied: the copy takes the current directory along
        os.close(folder)
        syscalls.unshare(LAST_NAMESPACES)
        root_fs.keep_mounts_private()
        if request["image"] is not None:
            step = "attach the VM's disk"
            root_fs.enter_disk(trees.pop())
        step = "make the VM's folders"
        root_fs.make_folders()
        step = "copy the lower layers' mounts"
        if not trees:
            trees = [syscalls.open_tree(path) for path in (request["skeleton"], *request["usr_layers"])]
        step = "attach the lower layers"
        lower = root_fs.attach_lower_layers(trees)
        step = "mount the root"
        root_fs.mount_root(lower[0], lower[1:])
        os.chdir(root_fs.ROOT)
        step = "mount /proc, /dev and /tmp"
        root_fs.mount_kernel_file_systems(request["tmp_bytes"])
        # From here on an import would find the guest's files: let it fail instead.
        sys.path.clear()
        sys.meta_path.clear()
        step = "leave the host's root"
        syscalls.pivot_root_here()
        _silence_standard_streams()
        os.chdir(HOME)
        step = "set resource limits"
        rlimits.apply(request["rlimits"])
        step = "give up privileges"
        capabilities.keep_only(capabilities.KEPT)
        syscalls.install_seccomp_filter(seccomp_filter)
        syscalls.set_dumpable(False)  # a change of credentials sets it anew (prctl(2))
        step = "make the first sockets"
        first = [_make_socket(socket.AF_INET), _make_socket(socket.AF_INET)]
        socket.send_fds(channel, [wire.encode({"op": "ready"})], [each.fileno() for each in first])
        for each in first:
            each.close()
    except (OSError, ValueError) as error:
        report_failure(channel, step, error)
        os._exit(1)
    try:
        GuestInit(channel).serve()
    finally:
        os._exit(1)


def _prepare(last_capability: int) -> None:
    """What needs nothing of the request, done before it comes."""
    syscalls.overwrite_command_line("hatchway-init")
    syscalls.set_process_name("hatchway-init")
    syscalls.bring_up_loopback()
    syscalls.set_host_name(HOST_NAME)
    syscalls.set_no_new_privileges()
    capabilities.drop_from_bounding_set_all_but(capabilities.KEPT, last_capability)


def report_failure(channel: socket.socket, step: str, error: Exception) -> None:
    """Tell the server that a launch failed in `step`."""
    # Not an OSError's whole text: that names the file, by its path on the host.
    reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    try:
        channel.send(wire.encode({"op": "failed", "step": step, "reason": reason}))
    except OSError:
        pass  # the server is gone, and with it everybody who would want to know


def _silence_standard_streams() -> None:
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1, 2):
        os.dup2(null, fd, inheritable=True)
    os.close(null)


def _make_socket(family: int) -> socket.socket:
    return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, socket.IPPROTO_TCP)


class GuestInit:
    """The serving part of PID 1."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._children: set[int] = set()
        self._workers = Workers()
        self._files = guest_files.FileRequests(self._workers)
        self._operations = {
            "spawn": self._spawn,
            "open_shell": self._open_shell,
            "signal": self._signal,
            "sockets": self._sockets,
            "youngest": self._youngest,
            "processes": self._page_of_processes,
            "ports": self._ports,
            **Freezer(self._workers.pids).operations,
            **self._files.operations,
        }

    def serve(self) -> None:
        """Answer requests and reap processes until the server goes."""
        wakeup_read, wakeup_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        try:
            for ready in wait_readable(self._channel.fileno(), wakeup_read):
                if ready == wakeup_read:
                    drain(wakeup_read)
                    self._reap()
                elif not self._answer_one():
                    break
        finally:
            # Also where an answer or an exit could not be told, as the server had just gone.
            self._files.discard_all()

    def _answer_one(self) -> bool:
        data, fds = wire.receive(self._channel)
        if not data:
            return False
        for fd in fds:
            os.close(fd)  # no request carries any
        request = wire.decode(data)
        reply: Message = {"op": "done", "id": request["id"]}
        reply_fds: list[int] = []
        try:
            reply |= self._operations[request["op"]](request, reply_fds)
        except (OSError, ValueError, LookupError, TypeError, OverflowError, struct.error) as error:
            while reply_fds:
                os.close(reply_fds.pop())
            number, what = errno.EINVAL, ""
            if isinstance(error, OSError):
                number, what = error.errno or errno.EIO, _what(error)
            reply = {"op": "error", "id": request["id"], "errno": number, "what": what}
        socket.send_fds(self._channel, [wire.encode(reply)], reply_fds)
        for fd in reply_fds:
            os.close(fd)
        return True

    def _reap(self) -> None:
        """Collect every dead process, the orphans too; tell the server of those it started."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._workers.ended(pid)
            if pid in self._children:
                self._children.discard(pid)
                self._channel.send(wire.encode({"op": "exited", "pid": pid, "status": status}))

    def _spawn(self, request: Message, reply_fds: list[int]) -> Message:
        child_ends = []
        try:
            for _ in ("stdout", "stderr"):
                ours, childs = os.pipe2(os.O_CLOEXEC)
                reply_fds.append(ours)
                child_ends.append(childs)
            actions = [(os.POSIX_SPAWN_DUP2, child_ends[0], 1), (os.POSIX_SPAWN_DUP2, child_ends[1], 2)]
            if request["stdin"]:  # else /dev/null, which this process has there itself
                childs, ours = os.pipe2(os.O_CLOEXEC)
                reply_fds.append(ours)
                child_ends.append(childs)
                actions.append((os.POSIX_SPAWN_DUP2, childs, 0))
            return self._start(request, actions)
        finally:
            for fd in child_ends:
                os.close(fd)

    def _open_shell(self, request: Message, reply_fds: list[int]) -> Message:
        master, slave = guest_terminal.open_terminal(request["cols"], request["rows"])
        reply_fds.append(master)
        # The leader of a session that has no terminal gets the first that it opens as its own (tty_ioctl(4)). The
        # session is made before the actions are done (posix_spawn(3)).
        return self._start(
            request,
            [
                (os.POSIX_SPAWN_OPEN, 0, slave, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),
            ],
        )

    def _start(self, request: Message, file_actions: Sequence[tuple[Any, ...]]) -> Message:
        """Start a program as the leader of a session of its own."""
        arguments = [os.fsencode(argument) for argument in request["argv"]]
        environment = {os.fsencode(name): os.fsencode(value) for name, value in request["env"].items()}
        _enter(request["cwd"] or HOME)
        try:
            program = _find_program(arguments[0], environment.get(b"PATH", DEFAULT_PATH.encode()))
            try:
                pid = os.posix_spawn(
                    program,
                    arguments,
                    environment,
                    file_actions=file_actions,
                    setsid=True,
                    setsigmask=[],
                    setsigdef=_DEFAULT_SIGNALS,
                )
            except OSError as error:
                raise OSError(error.errno, "command") from None
        finally:
            os.chdir("/")
        self._children.add(pid)
        return {"pid": pid}

    def _signal(self, request: Message, _reply_fds: list[int]) -> Message:
        pid = int(request["pid"])
        # 0 and negative numbers mean groups of processes, and -1 all of them (kill(2)).
        if pid <= 1 or (request["group"] and pid not in self._children):
            raise OSError(errno.ESRCH, "process")
        if request["group"]:
            # Every process started here leads a group of its own (setsid), and stays in it unless it leaves.
            os.killpg(pid, int(request["signal"]))
        else:
            os.kill(pid, int(request["signal"]))
        return {}

    def _sockets(self, request: Message, reply_fds: list[int]) -> Message:
        family = {4: socket.AF_INET, 6: socket.AF_INET6}[request["family"]]
        count = min(int(request["count"]), MAX_SOCKETS_PER_REQUEST)
        reply_fds.extend(_make_socket(family).detach() for _ in range(count))
        return {}

    def _youngest(self, _request: Message, _reply_fds: list[int]) -> Message:
        return {"age": guest_processes.youngest_age(self._workers.pids)}

    def _ports(self, _request: Message, _reply_fds: list[int]) -> Message:
        return guest_ports.listening(self._workers.pids)

    def _page_of_processes(self, request: Message, _reply_fds: list[int]) -> Message:
        return guest_processes.page(int(request["after"]), self._workers.pids)


def _what(error: OSError) -> str:
    """Which part of a request failed: the short word that this module puts in its own errors."""
    words = {"command", "cwd", "process", "kind", "folder", "exists", "move", "workers"}
    return error.strerror if error.strerror in words else ""


def _enter(folder: str) -> None:
    try:
        os.chdir(os.fsencode(folder))
    except OSError as error:
        raise OSError(error.errno, "cwd") from None


def _find_program(name: bytes, path: bytes) -> bytes:
    """The program that `name` means to a shell with this PATH (execvp(3)), in the current directory."""
    if b"/" in name:
        return name
    found = errno.ENOENT
    for folder in path.split(b":"):
        candidate = (folder or b".") + b"/" + name
        if os.path.isfile(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            found = errno.EACCES
    raise OSError(found, "command")


def wait_readable(*fds: int) -> Iterator[int]:
    """Yield each of `fds` when it can be read or has been closed, for ever."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    while True:
        for fd, _events in poll.poll():
            yield fd


def drain(fd: int) -> None:
    """Empty a non-blocking pipe."""
    try:
        while len(os.read(fd, 512)) == 512:
            pass
    except BlockingIOError:
        pass
