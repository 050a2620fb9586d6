"""The youngest process of a VM, as its guest init sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hatchway.vm.sandbox import guest_processes


def test_the_youngest_of_this_machine_is_one_of_ours() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        age = guest_processes.youngest_age()
        passed = time.clock_gettime(time.CLOCK_BOOTTIME) - before
        assert age is not None
        assert 0 <= age <= passed + 0.02  # the kernel counts in hundredths of a second
        child.kill()


def test_any_name_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listdir", lambda _path: ["1", str(os.getpid()), "self", "4194305", "meminfo"])
    comm = Path("/proc/self/comm")
    name = comm.read_text()
    try:
        for odd in (") Z 1 (", "a b", "((("):
            comm.write_text(odd)
            own_age = guest_processes.youngest_age()
            assert own_age is not None
            assert own_age > 0.1  # this process has started pytest
    finally:
        comm.write_text(name)


def test_the_dead_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen(["sleep", "1000"])
    monkeypatch.setattr(os, "listdir", lambda _path: ["1", str(child.pid)])
    assert guest_processes.youngest_age() is not None
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not collected
    assert guest_processes.youngest_age() is None
    child.wait()
    assert guest_processes.youngest_age() is None
