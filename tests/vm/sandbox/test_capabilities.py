"""Which capabilities are kept; that guests have no others is in security/test_system_calls.py."""

from __future__ import annotations

from pathlib import Path

from hatchway.vm.sandbox import capabilities


def test_none_that_reaches_the_kernel_is_kept() -> None:
    # Numbers of capabilities(7): linux/capability.h.
    dangerous = {
        "DAC_READ_SEARCH": 2,
        "SETPCAP": 8,
        "NET_ADMIN": 12,
        "NET_RAW": 13,
        "SYS_MODULE": 16,
        "SYS_RAWIO": 17,
        "SYS_CHROOT": 18,
        "SYS_PTRACE": 19,
        "SYS_ADMIN": 21,
        "SYS_BOOT": 22,
        "SYS_TIME": 25,
        "MKNOD": 27,
        "SETFCAP": 31,
        "MAC_ADMIN": 33,
        "SYSLOG": 34,
        "PERFMON": 38,
        "BPF": 39,
        "CHECKPOINT_RESTORE": 40,
    }
    assert capabilities.KEPT.isdisjoint(dangerous.values())


def test_the_last_capability_is_the_kernels() -> None:
    last = capabilities.last_capability()
    assert last == int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    assert last >= max(capabilities.KEPT)
