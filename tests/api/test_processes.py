from __future__ import annotations

import signal
from typing import Any

import httpx
import pytest

from hatchway.vm.records import SpawnRequest


async def test_from_start_to_end(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    body = {"command": "node", "args": ["server.js"], "env": {"PORT": "3000"}, "cwd": "/srv"}
    started = await client.post(f"{vm}/processes", json=body)
    assert (started.status_code, started.json()) == (201, {"pid": 2})
    assert services.spawned == [SpawnRequest("node", ["server.js"], {"PORT": "3000"}, "/srv")]
    running = {
        "pid": 2,
        "command": ["node", "server.js"],
        "state": "running",
        "exit_code": None,
        "signal": None,
        "started_at": "1970-01-12T13:46:41.250000Z",
    }
    assert (await client.get(f"{vm}/processes")).json() == {"processes": [running]}
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
    for method, action in (("GET", "wait"), ("POST", "stop"), ("POST", "kill")):
        refused(await client.request(method, f"{vm}/processes/{pid}/{action}"), 404, "process_not_found")
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
        ({"command": "node", "stdin": "x"}, "invalid_request"),
    ],
)
async def test_refusals(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, fields: dict[str, Any], code: str
) -> None:
    refused(await client.post(f"{vm}/processes", json=fields), 400, code)
    assert services.spawned == []
