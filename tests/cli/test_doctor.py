from __future__ import annotations

import json

import pytest

from hatchway.cli.doctor import report
from hatchway.vm.sandbox.host import Finding

OK = Finding("kernel", "ok", "Linux 6.1")
LIMITED = Finding("limit: memory", "limited", "no cgroup controller", "sudo do [this]")
MISSING = Finding("user namespaces", "missing", "switched off", "sudo sysctl x=1")


def test_a_machine_that_will_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([OK, LIMITED], as_json=False) == 0
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["ok", "kernel", "Linux", "6.1"]
    assert lines[1] == ["limited", "limit:", "memory", "no", "cgroup", "controller"]
    assert lines[2] == ["→", "sudo", "do", "[this]"]
    assert err == "VMs can run here\n"


def test_a_machine_that_will_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([OK, MISSING], as_json=False) == 1
    out, err = capsys.readouterr()
    assert "sudo sysctl x=1" in out
    assert err == "VMs cannot run here: 1 thing is missing\n"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([MISSING, MISSING], as_json=True) == 1
    out, err = capsys.readouterr()
    entry = {
        "name": "user namespaces",
        "status": "missing",
        "detail": "switched off",
        "fix": "sudo sysctl x=1",
    }
    assert json.loads(out) == [entry, entry]
    assert err == "VMs cannot run here: 2 things are missing\n"
