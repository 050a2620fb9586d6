"""The processes of a VM, as its guest init sees them."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hatchway.vm.sandbox import guest_processes, wire


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


def _told() -> dict[int, dict[str, Any]]:
    """Every process of this machine, page by page."""
    told: dict[int, dict[str, Any]] = {}
    after = 0
    while (page := guest_processes.page(after))["processes"]:
        assert len(wire.encode({"op": "done", "id": 2**53, **page})) <= wire.MAX_MESSAGE_BYTES
        pids = [each["pid"] for each in page["processes"]]
        assert pids == sorted(set(pids))
        assert pids[0] > after
        assert pids[-1] <= page["last"]
        told |= {each["pid"]: each for each in page["processes"]}
        after = pids[-1]
    return told


def _arguments(process: dict[str, Any]) -> bytes:
    return base64.b64decode(process["arguments"])


def test_what_is_told_of_a_process() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    with subprocess.Popen([b"cat", b"-", b"\xff\n", b""], stdin=subprocess.PIPE) as child:
        told = _told()
        passed = time.clock_gettime(time.CLOCK_BOOTTIME) - before
        process = told[child.pid]
        assert process["ppid"] == os.getpid()
        assert base64.b64decode(process["name"]) == b"cat"
        assert _arguments(process) == b"cat\0-\0\xff\n\0\0"
        assert 0 <= process["age"] <= passed + 0.02
        assert 0 < process["memory"] < 100 * 1024 * 1024
        assert told[os.getpid()]["state"] == "R"
        assert 1 in told
        child.kill()
    assert child.pid not in _told()


def test_arguments_without_end_are_cut_and_still_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    children = [
        subprocess.Popen(["sh", "-c", "read line", b"\xff" * 100_000], stdin=subprocess.PIPE)
        for _ in range(60)
    ]
    try:
        monkeypatch.setattr(os, "listdir", lambda _path: [str(child.pid) for child in children])
        told = _told()
        assert set(told) == {child.pid for child in children}
        whole = (b"sh\0-c\0read line\0" + b"\xff" * 100_000)[: guest_processes.MAX_ARGUMENT_BYTES]
        assert {_arguments(each) for each in told.values()} == {whole}
    finally:
        for child in children:
            child.kill()
            child.communicate()


def test_the_dead_are_told_with_their_names() -> None:
    child = subprocess.Popen(["sleep", "1000"])
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    process = _told()[child.pid]
    assert (process["state"], _arguments(process), process["memory"]) == ("Z", b"", 0)
    assert base64.b64decode(process["name"]) == b"sleep"
    child.wait()


def test_any_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listdir", lambda _path: ["1", str(os.getpid())])
    comm = Path("/proc/self/comm")
    own = comm.read_bytes()
    try:
        for odd in (b") R 1 (", b"a b", b"(((", b"\xff\n\\"):
            comm.write_bytes(odd)
            assert base64.b64decode(_told()[os.getpid()]["name"]) == odd
    finally:
        comm.write_bytes(own)
