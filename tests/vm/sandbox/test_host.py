"""What `hatchway doctor` finds on this machine, and on made-up ones."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.vm.sandbox import host
from hatchway.vm.sandbox.cgroups import Cgroups
from hatchway.vm.sandbox.host import Finding, examine
from hatchway.vm.sandbox.sandbox import Sandbox

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The made-up kernel settings of this machine, to be filled by the test."""
    made_up = {"user/max_user_namespaces": "1000"}
    monkeypatch.setattr(host, "_sysctl", made_up.get)
    return made_up


def _as(uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)


def _named(findings: list[Finding], name: str) -> list[tuple[str, str]]:
    return [(finding.status, finding.fix) for finding in findings if finding.name == name]


@pytest.mark.sandbox
def test_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    findings = examine()
    by_name = {finding.name: finding for finding in findings}
    assert len(by_name) == len(findings)
    assert [finding for finding in findings if finding.status == "missing"] == []
    assert {"user", "kernel", "user namespaces", "isolation", "limit: memory", "limit: disk"} <= set(by_name)
    assert ("root:" in by_name["user"].detail) == IS_ROOT
    assert platform.release() in by_name["kernel"].detail
    for finding in findings:
        assert finding.status == "ok" or finding.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("release", "machine", "uid", "status"),
    [
        ("6.1.0-13-amd64", "x86_64", 0, "ok"),
        ("6.8.0-rc1", "aarch64", 1000, "ok"),
        ("5.19.17", "x86_64", 0, "ok"),
        ("5.18.0", "x86_64", 0, "missing"),
        ("5.12", "x86_64", 1000, "ok"),
        ("5.11.22-generic", "x86_64", 1000, "missing"),
        ("4.18.0-553.el8", "x86_64", 1000, "missing"),
        ("6.1.0", "riscv64", 0, "missing"),
    ],
)
def test_the_kernel(
    release: str, machine: str, uid: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "release", lambda: release)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    _as(uid, monkeypatch)
    finding = host._kernel()
    assert finding.status == status
    assert bool(finding.fix) == (status == "missing")


@pytest.mark.parametrize(("limit", "status"), [("1000", "ok"), ("0", "missing"), (None, "missing")])
def test_user_namespaces(
    settings: dict[str, str], limit: str | None, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as(0, monkeypatch)
    del settings["user/max_user_namespaces"]
    if limit is not None:
        settings["user/max_user_namespaces"] = limit
    (finding,) = host._user_namespaces()
    assert finding.status == status


def test_user_namespaces_for_root_alone(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings["kernel/unprivileged_userns_clone"] = "0"
    _as(1000, monkeypatch)
    found = _named(list(host._user_namespaces()), "user namespaces for users")
    assert found == [("missing", "sudo sysctl -w kernel.unprivileged_userns_clone=1")]
    _as(0, monkeypatch)
    assert _named(list(host._user_namespaces()), "user namespaces for users") == []


def test_a_machine_that_cannot_isolate(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_data_dir: Path) -> Sandbox:
        raise Unavailable("isolation_unavailable", "could not mount the root (Operation not permitted)")

    monkeypatch.setattr(Sandbox, "start", refuse)
    settings["kernel/apparmor_restrict_unprivileged_userns"] = "1"
    real_exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/.dockerenv" or real_exists(path))
    _as(1000, monkeypatch)
    findings = examine()
    assert [finding.name for finding in findings if finding.status == "missing"] == [
        "AppArmor",
        "container",
        "isolation",
    ]
    ((_, fix),) = _named(findings, "AppArmor")
    assert "userns," in fix
    assert os.path.realpath("/proc/self/exe") in fix
    ((_, fix),) = _named(findings, "container")
    assert "--security-opt seccomp=unconfined" in fix
    (isolation,) = (finding for finding in findings if finding.name == "isolation")
    assert "mount the root" in isolation.detail
    _as(0, monkeypatch)
    assert _named(examine(), "AppArmor") == []  # it restricts users, not root


@pytest.mark.parametrize(("uid", "word"), [(0, "cgroup v2"), (1000, "systemd-run --user")])
def test_limits_without_control_groups(uid: int, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCgroups:
        controllers: frozenset[str] = frozenset()

    monkeypatch.setattr(Cgroups, "detect", NoCgroups)
    _as(uid, monkeypatch)
    findings = list(host._control_groups())
    assert {finding.name: finding.status for finding in findings} == {
        "limit: memory": "limited",
        "limit: number of processes": "ok",
        "limit: CPU weight": "limited",
    }
    assert all(word in finding.fix for finding in findings if finding.status == "limited")
