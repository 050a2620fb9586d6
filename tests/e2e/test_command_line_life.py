"""`hatchway service` and the states of a VM, against a real VM."""

from __future__ import annotations

import json

import pytest

from e2e.command import Command

pytestmark = pytest.mark.sandbox

SERVE = "require('http').createServer((q, s) => s.end('hello')).listen(3000)"


def test_a_service_from_its_declaration_to_its_end(hatchway: Command) -> None:
    key = hatchway.key
    added = hatchway("service", "add", key, "web", "--port", "3000", "--", "node", "-e", SERVE)
    assert (added.returncode, added.stderr) == (0, b"ready\n"), added.stderr.decode()
    assert hatchway.ok("fetch", key, "3000") == b"hello"
    (row,) = hatchway.ok("service", "list", key).decode().splitlines()
    assert row.split("\t")[:3] == ["web", "ready", "3000"]
    hatchway("vm", "sleep", key)
    (service,) = json.loads(hatchway.ok("service", "list", key, "--json"))
    assert (service["state"], service["pid"]) == ("asleep", None)
    assert hatchway.ok("fetch", key, "3000") == b"hello"
    assert hatchway.ok("service", "logs", key, "web").count(b"started as pid") == 2
    assert hatchway("service", "remove", key, "web").stderr == b"removed\n"
    assert hatchway("service", "remove", key, "web").stderr == b"there was no such service\n"
    assert hatchway("service", "list", key).stdout == b""
    assert "no service 'web' is declared" in hatchway.fails("service", "logs", key, "web")


def test_ports(hatchway: Command) -> None:
    key = hatchway.key
    hatchway.ok("spawn", key, "--", "node", "-e", SERVE)
    (row,) = hatchway.ok("ports", key, "--wait", "3000").decode().splitlines()
    assert row.split("\t")[:2] == ["3000", "::"]
    assert [each["port"] for each in json.loads(hatchway.ok("ports", key, "--json"))] == [3000]
    assert "nothing listens on port 1" in hatchway.fails("ports", key, "--wait", "1", "--timeout", "0.1")


def test_a_service_that_fails_is_told(hatchway: Command) -> None:
    said = hatchway.fails("service", "add", hatchway.key, "bad", "--timeout", "0.5", "--", "false")
    assert "exited with code 1" in said


def test_the_states_of_a_vm(hatchway: Command) -> None:
    key = hatchway.key
    hatchway.ok("exec", key, "--", "true")
    for verb, state in (
        ("pause", b"paused"),
        ("wake", b"running"),
        ("sleep", b"asleep"),
        ("pause", b"asleep"),
    ):
        assert hatchway("vm", verb, key).stderr == state + b"\n"
    assert hatchway("vm", "idle", key).stderr == b"pause after: 300 s, sleep after: 3600 s\n"
    assert (
        hatchway("vm", "idle", key, "--pause-after", "never").stderr
        == b"pause after: never, sleep after: 3600 s\n"
    )
    assert "neither a number" in hatchway.fails("vm", "idle", key, "--sleep-after", "soon", code=2)
