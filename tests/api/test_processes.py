from __future__ import annotations

import base64
import signal
from typing import Any

import httpx
import pytest

from hatchway.vm.records import SpawnRequest, SystemProcess


async def test_from_start_to_end(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    body = {"command": "node", "args": ["server.js"], "env": {"PORT": "3000"}, "cwd": "/srv"}
    started = await client.post(f"{vm}/processes", json=body)
    assert (started.status_code, started.json()) == (201, {"pid": 2})
    assert services.spawned == [SpawnRequest("node", ["server.js"], {"PORT": "3000"}, "/srv", None)]
    running = {
        "pid": 2,
        "command": ["node", "server.js"],
        "state": "running",
        "exit_code": None,
        "signal": None,
        "started_at": "1970-01-12T13:46:41.250000Z",
        "output": {"bytes": 300, "kept_from": 100, "dropped_bytes": 100},
    }
    assert (await client.get(f"{vm}/processes")).json() == {"processes": [running]}
    assert (await client.get(f"{vm}/processes/2")).json() == running
    assert (await client.post(f"{vm}/processes/2/stop")).status_code == 204
    assert (await client.post(f"{vm}/processes/2/kill")).status_code == 204
    assert services.signals == [(2, signal.SIGTERM), (2, signal.SIGKILL)]
    ended = (await client.get(f"{vm}/processes/2/wait")).json()
    assert ended == {**running, "state": "exited", "signal": 15}


async def test_a_waiter_that_goes_away_waits_no_more(
    client: httpx.AsyncClient, services: Any, vm: str, raw_call: Any
) -> None:
    await client.post(f"{vm}/processes", json={"command": "node"})
    call = raw_call("GET", f"{vm}/processes/2/wait")
    await services.running.wait()
    call.disconnect()
    await call.task
    assert services.left.is_set()
    assert call.sent == []


@pytest.mark.parametrize("pid", ["0", "-1", "1.0", "x", "99", "02", "12345678901", "%D9%A2", "2%20", " 2"])
async def test_a_process_that_is_not_there(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, pid: str
) -> None:
    await client.post(f"{vm}/processes", json={"command": "node"})
    for method, action in (
        ("GET", ""),
        ("GET", "/wait"),
        ("GET", "/output"),
        ("POST", "/stop"),
        ("POST", "/kill"),
        ("POST", "/stdin"),
        ("POST", "/stdin/close"),
    ):
        refused(await client.request(method, f"{vm}/processes/{pid}{action}"), 404, "process_not_found")
    signalled = await client.post(f"{vm}/processes/{pid}/signal", json={"signal": 1})
    refused(signalled, 404, "process_not_found")
    assert services.signals == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "invalid_request"),
        ({"command": ""}, "invalid_command"),
        ({"command": ["node"]}, "invalid_request"),
        ({"command": "node", "args": "x"}, "invalid_request"),
        ({"command": "node", "args": ["\0"]}, "invalid_command"),
        ({"command": "node", "env": {"=": ""}}, "invalid_environment"),
        ({"command": "node", "cwd": "/a\0"}, "invalid_path"),
        ({"command": "node", "stdin": 1}, "invalid_request"),
        ({"command": "node", "stdin": "x", "stdin_base64": "eA=="}, "invalid_stdin"),
        ({"command": "node", "stdin_base64": "?"}, "invalid_stdin"),
    ],
)
async def test_refusals(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, fields: dict[str, Any], code: str
) -> None:
    refused(await client.post(f"{vm}/processes", json=fields), 400, code)
    assert services.spawned == []


@pytest.mark.parametrize(
    ("fields", "stdin"),
    [({}, None), ({"stdin": ""}, b""), ({"stdin": "ü"}, b"\xc3\xbc"), ({"stdin_base64": "/w=="}, b"\xff")],
)
async def test_standard_input_given_at_the_start(
    client: httpx.AsyncClient, services: Any, vm: str, fields: dict[str, str], stdin: bytes | None
) -> None:
    await client.post(f"{vm}/processes", json={"command": "cat", **fields})
    assert services.spawned[0].stdin == stdin


async def test_every_process_of_a_vm(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    assert (await client.get(f"{vm}/processes/all")).json() == {"processes": []}
    services.system_processes = [
        SystemProcess(1, 0, (b"hatchway-init",), "running", 1_000_001.25, 4096, False),
        SystemProcess(7, 1, ("gr\u00fc\u00df".encode(), b"\n", b""), "sleeping", 1.0, 0, True),
        SystemProcess(8, 7, (b"odd \xff\0", b"x"), "unknown", 1.0, 0, False),
    ]
    (init, text, odd) = (await client.get(f"{vm}/processes/all")).json()["processes"]
    assert init == {
        "pid": 1,
        "ppid": 0,
        "command": ["hatchway-init"],
        "state": "running",
        "started_at": "1970-01-12T13:46:41.250000Z",
        "memory_bytes": 4096,
        "spawned": False,
    }
    assert text["command"] == ["grüß", "\n", ""]
    assert "command_base64" not in text
    assert odd["command"] == ["odd \ufffd\0", "x"]
    assert [base64.b64decode(word) for word in odd["command_base64"]] == [b"odd \xff\0", b"x"]


async def test_any_signal_to_any_process(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any
) -> None:
    services.system_processes = [SystemProcess(7, 1, (b"x",), "sleeping", 1.0, 0, False)]
    for given in ("SIGHUP", "hup", 1, "RTMAX", 64):
        answer = await client.post(f"{vm}/processes/7/signal", json={"signal": given})
        assert answer.status_code == 204
    assert services.signals == [(7, 1), (7, 1), (7, 1), (7, 64), (7, 64)]
    for wrong in (0, -1, 65, 1.5, True, None, "", "SIG", "SIGNOTHING", "9", [9], "SIGSIGHUP"):
        answer = await client.post(f"{vm}/processes/7/signal", json={"signal": wrong})
        refused(answer, 400, "invalid_signal")
    refused(await client.post(f"{vm}/processes/7/signal", json={}), 400, "invalid_request")
    refused(await client.post(f"{vm}/processes/1/signal", json={"signal": 9}), 409, "not_permitted")
    assert len(services.signals) == 5
