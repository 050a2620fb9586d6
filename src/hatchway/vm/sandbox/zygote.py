"""The zygote: a small process with one thread that forks every guest, so that a guest starts as a copy of warm memory.

The server starts it once and sends `launch` requests over a SOCK_SEQPACKET socket, each with one end of the new
guest's own socket. A child of the zygote, the *launcher*, takes the request; it is still an ordinary process of
the host. It enters guest init into the VM's cgroups, writes its id maps, hands it the idmapped lower layers, and
ends. Guest init, PID 1 of its own world, becomes the zygote's child (a subreaper) and speaks to the server directly.

One launcher always waits ready, with a guest init in new namespaces that is not any VM's yet: forking and making
namespaces is half the time of a start, and needs nothing of the request.

Everything ends with the server: the zygote and each guest init end when their socket closes.

Imports here are what every guest's memory starts with, and all it will ever need: see the package's docstring.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from collections.abc import Sequence
from typing import NoReturn

from hatchway.vm.sandbox import capabilities, guest_init, id_ranges, image_mount, seccomp, syscalls, wire
from hatchway.vm.sandbox.descriptors import close_fds_except
from hatchway.vm.sandbox.syscalls import (
    MOUNT_ATTR_IDMAP,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
)


def main(control_fd: int) -> NoReturn:
    """Serve launch requests on the socket `control_fd` until its other end closes."""
    os.setsid()
    os.umask(0o022)
    close_fds_except(0, 1, 2, control_fd)
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # for the wakeup fd alone: see _reap
    syscalls.become_subreaper()
    syscalls.overwrite_command_line("hatchway-zygote")
    syscalls.set_process_name("hatchway-zygote")
    seccomp_filter = seccomp.build_filter()
    last_capability = capabilities.last_capability()
    # What is alive now lives in every guest: keep the collector from writing to those pages.
    gc.collect()
    gc.freeze()
    gc.disable()
    wakeup_read, wakeup_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
    taken_read, taken_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(wakeup_read, select.POLLIN)
    poll.register(taken_read, select.POLLIN)
    poll.register(control, 0)  # only for its end: the requests are the launchers'
    control.send(wire.encode({"op": "ready"}))
    while True:
        # One launcher always waits for the next request, forked while nobody waits for it.
        waiting = os.fork()
        if waiting == 0:
            signal.set_wakeup_fd(-1)
            for fd in (wakeup_read, wakeup_write, taken_read):
                os.close(fd)
            _launch_next(control, taken_write, seccomp_filter, last_capability)
        while waiting:
            for fd, _events in poll.poll():
                if fd == control.fileno():
                    os._exit(0)
                guest_init.drain(fd)
                if fd == taken_read or waiting in _reap():
                    waiting = 0


def _reap() -> set[int]:
    """Collect launchers and dead guest inits; their pids. The server learns of a guest's end by its pidfd."""
    reaped = set()
    try:
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            reaped.add(pid)
    except ChildProcessError:
        pass
    return reaped


def _launch_next(control: socket.socket, taken: int, seccomp_filter: bytes, last_capability: int) -> NoReturn:
    """The launcher's life: clone guest init, wait for a request, make a guest of both, end.

    What goes wrong is told on the new guest's channel, with the step it happened in.
    """
    failure: OSError | None = None
    pid = -1
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        pid = syscalls.clone_into_namespaces(guest_init.FIRST_NAMESPACES)
    except OSError as error:
        failure = error
    if pid == 0:
        for fd in (ours.detach(), control.detach(), taken):
            os.close(fd)
        guest_init.run(theirs, seccomp_filter, last_capability)
    theirs.close()
    pidfd = os.pidfd_open(pid) if pid > 0 else -1
    entered: list[str] = []
    while True:
        data, fds = wire.receive(control)
        if not data:
            os._exit(0)  # and guest init ends with its launcher
        if fds:
            break
        entered = _prepare(pid, wire.decode(data))
    try:
        os.write(taken, b"x")
    except BrokenPipeError:
        pass  # the zygote was killed: this guest can live without it
    channel = socket.socket(fileno=fds[0])
    step = "make namespaces"
    try:
        if failure is not None:
            raise failure
        socket.send_fds(ours, [data], [channel.fileno()])  # it wakes and reads while the rest is done here
        request = wire.decode(data)
        step = "enter the cgroups"
        if request["cgroup_procs"] != entered:
            _enter_cgroups(pid, request["cgroup_procs"])
        step = "write the id maps"
        _write_id_maps(pid, request["first_uid"])
        trees: list[int] = []
        if request["first_uid"] is not None:
            step = "make idmapped mounts of the lower layers"
            trees = _idmapped_trees(pid, [request["skeleton"], *request["usr_layers"]])
        if request["image"] is not None:
            step = "mount the VM's disk"
            trees.append(image_mount.mount_image(request["image"]))
        step = "enter the VM's folder"
        folder = os.open(request["folder"], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        step = "hand over to guest init"
        socket.send_fds(channel, [wire.encode({"op": "started", "pid": pid})], [pidfd])
        socket.send_fds(ours, [b"go"], [folder, *trees])
    except (OSError, ValueError) as error:
        guest_init.report_failure(channel, step, error)
        os._exit(1)
    os._exit(0)


def _prepare(pid: int, request: wire.Message) -> list[str]:
    """Enter guest init into the cgroups of a launch to come; those it is in now, by their files."""
    procs_files: list[str] = request["cgroup_procs"]
    try:
        _enter_cgroups(pid, procs_files)
    except OSError:
        return []  # the launch tries again, and can say what is wrong
    return procs_files


def _enter_cgroups(pid: int, procs_files: Sequence[str]) -> None:
    for path in procs_files:
        _write(path, str(pid))


def _write_id_maps(pid: int, first_uid: int | None) -> None:
    """Map guest ids: a range of the VM's own for a root server, else guest root to the server's own user.

    The range starts far above 0, so that guest root is never host root (user_namespaces(7)).
    """
    if first_uid is None:
        _write(f"/proc/{pid}/setgroups", "deny")
        uid_map, gid_map = f"0 {os.geteuid()} 1", f"0 {os.getegid()} 1"
    else:
        uid_map = gid_map = f"0 {first_uid} {id_ranges.UID_RANGE}"
    _write(f"/proc/{pid}/uid_map", uid_map)
    _write(f"/proc/{pid}/gid_map", gid_map)


def _idmapped_trees(pid: int, paths: Sequence[str]) -> list[int]:
    """Detached, read-only mounts of `paths` whose files appear to belong to the guest's own ids."""
    user_namespace = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    trees = []
    for path in paths:
        tree = syscalls.open_tree(path)
        attributes = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID
        syscalls.set_mount_attributes(tree, attributes, user_namespace)
        trees.append(tree)
    os.close(user_namespace)
    return trees


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
