"""What this machine offers for isolation, and what is missing, with the command that fixes it: `hatchway doctor`.

The one true test is a guest that boots: `examine` starts one. The other findings say why it may have failed,
and which limits hold.
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hatchway.errors import HatchwayError
from hatchway.vm.sandbox import disk_image, seccomp
from hatchway.vm.sandbox.cgroups import CONTROLLERS, Cgroups
from hatchway.vm.sandbox.sandbox import Sandbox

OLDEST_KERNEL = (5, 12)
"""Idmapped mounts (mount_setattr(2)) came with 5.12; overlayfs in user namespaces and openat2 are older."""

OLDEST_KERNEL_FOR_ROOT = (5, 19)
"""Overlayfs over idmapped layers came with 5.19."""

_APPARMOR_PROFILE = "/etc/apparmor.d/hatchway"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "missing", "limited"]
    """`missing`: VMs cannot be isolated without it. `limited`: VMs are isolated, but a limit does not hold."""
    detail: str
    fix: str = ""
    """The command that fixes it, or what to do; empty where nothing needs to be done."""


def examine() -> list[Finding]:
    """Look at this machine, as the user that calls."""
    boot = _boot()
    findings = [_user(), _kernel(), *_user_namespaces()]
    if boot.status == "missing":
        findings += [*_apparmor(), *_container()]
    return [*findings, boot, *_control_groups(), _disk()]


def _user() -> Finding:
    if os.geteuid() == 0:
        return Finding("user", "ok", "root: each VM has a range of 65,536 user ids of its own")
    return Finding("user", "ok", "an ordinary user: a VM's root is this user, with no rights beyond the VM")


def _kernel() -> Finding:
    release, machine = platform.release(), platform.machine()
    version = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdecimal())
    needed = OLDEST_KERNEL_FOR_ROOT if os.geteuid() == 0 else OLDEST_KERNEL
    if machine not in seccomp.ARCHITECTURES:
        supported = " or ".join(seccomp.ARCHITECTURES)
        return Finding("kernel", "missing", f"Linux on {machine}", f"use a machine with {supported}")
    if version < needed:
        return Finding(
            "kernel", "missing", f"Linux {release}", f"update to Linux {needed[0]}.{needed[1]} or later"
        )
    return Finding("kernel", "ok", f"Linux {release} on {machine}")


def _user_namespaces() -> Iterator[Finding]:
    limit = _sysctl("user/max_user_namespaces")
    if limit == "0":
        yield Finding(
            "user namespaces", "missing", "turned off", "sudo sysctl -w user.max_user_namespaces=15000"
        )
    elif limit is None:
        yield Finding("user namespaces", "missing", "not in this kernel", "use a kernel with CONFIG_USER_NS")
    else:
        yield Finding("user namespaces", "ok", f"up to {limit}")
    if os.geteuid() == 0:
        return
    if _sysctl("kernel/unprivileged_userns_clone") == "0":
        yield Finding(
            "user namespaces for users",
            "missing",
            "only root may make them",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        )


def _apparmor() -> Iterator[Finding]:
    if os.geteuid() != 0 and _sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
        profile = (
            f"abi <abi/4.0>, include <tunables/global> profile hatchway {os.path.realpath('/proc/self/exe')} "
            "flags=(unconfined) { userns, }"
        )
        yield Finding(
            "AppArmor",
            "missing",
            "restricts user namespaces to programs with a profile",
            f"echo '{profile}' | sudo tee {_APPARMOR_PROFILE} && sudo apparmor_parser -r {_APPARMOR_PROFILE}",
        )


def _container() -> Iterator[Finding]:
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        yield Finding(
            "container",
            "missing",
            "its default seccomp profile forbids making namespaces and mounts",
            "start it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined "
            "--init and a volume for the data folder",
        )


def _boot() -> Finding:
    async def boot() -> None:
        # Beside where VMs will be: what that file system can do is part of the answer.
        with tempfile.TemporaryDirectory(prefix="hatchway-doctor-", ignore_cleanup_errors=True) as folder:
            sandbox = await Sandbox.start(Path(folder))
            await sandbox.close()

    try:
        asyncio.run(boot())
    except HatchwayError as error:
        return Finding(
            "isolation",
            "missing",
            error.message,
            "see the other findings; with none, the kernel refused the step named",
        )
    return Finding("isolation", "ok", "a VM booted with all of its namespaces, its own root and seccomp")


def _control_groups() -> Iterator[Finding]:
    active = Cgroups.detect().controllers
    meaning = {"memory": "memory", "pids": "number of processes", "cpu": "CPU weight"}
    for name in CONTROLLERS:
        if name in active:
            yield Finding(f"limit: {meaning[name]}", "ok", f"cgroup controller {name}")
        elif name == "pids":
            yield Finding("limit: number of processes", "ok", "RLIMIT_NPROC of the VM's user namespace")
        else:
            fix = "systemd-run --user --scope -p Delegate=yes hatchway serve"
            if os.geteuid() == 0:
                fix = f"boot with the cgroup controller {name} enabled, or on cgroup v2"
            yield Finding(f"limit: {meaning[name]}", "limited", f"no cgroup controller {name}", fix)


def _disk() -> Finding:
    with tempfile.TemporaryDirectory(prefix="hatchway-doctor-", ignore_cleanup_errors=True) as folder:
        exact = disk_image.work_in(Path(folder))
    if exact:
        return Finding("limit: disk", "ok", "disk_bytes: a file system of that size for each VM")
    fix = "run the server as root"
    if os.geteuid() == 0:
        fix = "install e2fsprogs (mkfs.ext4), and give the server loop devices (/dev/loop-control)"
    return Finding(
        "limit: disk",
        "limited",
        "disk_bytes: measured, and a VM that is over it and grows is stopped; files deleted but open are not seen",
        fix,
    )


def _sysctl(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None
