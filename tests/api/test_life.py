"""States of a VM and declared services over the control API."""

from __future__ import annotations

import httpx
import pytest

from api.conftest import MemoryServices, Refused
from hatchway.vm.service_spec import ServiceSpec


async def test_the_states(
    client: httpx.AsyncClient, vm: str, services: MemoryServices, refused: Refused
) -> None:
    for action, state in (("pause", "paused"), ("sleep", "asleep"), ("wake", "running")):
        assert (await client.post(f"{vm}/{action}")).json()["state"] == state
    services.in_use = True
    refused(await client.post(f"{vm}/pause"), 409, "vm_in_use")
    answer = await client.put(f"{vm}/idle", json={"pause_after": 1.5, "sleep_after": None})
    assert (answer.json()["pause_after"], answer.json()["sleep_after"]) == (1.5, None)


@pytest.mark.parametrize("body", [{}, {"pause_after": 1}, {"pause_after": -1, "sleep_after": 1}, []])
async def test_what_are_no_idle_times(
    client: httpx.AsyncClient, vm: str, body: object, refused: Refused
) -> None:
    refused(await client.put(f"{vm}/idle", json=body), 400, "invalid_request")


async def test_a_service(
    client: httpx.AsyncClient, vm: str, services: MemoryServices, refused: Refused
) -> None:
    body = {
        "command": "node",
        "args": ["server.js"],
        "env": {"KEY": "sesame"},
        "cwd": "site",
        "port": 3000,
        "ready": "/health",
        "wait": 2,
    }
    told = (await client.put(f"{vm}/services/web", json=body)).json()
    (info,) = services.declared.values()
    spec = ServiceSpec("web", "node", ["server.js"], {"KEY": "sesame"}, "/home/user/site", 3000, "/health")
    assert (info.spec, services.waited) == (spec, [2])
    assert told == {
        "name": "web",
        "command": ["node", "server.js"],
        "cwd": "/home/user/site",
        "port": 3000,
        "ready": "/health",
        "state": "ready",
        "pid": 7,
        "restarts": 0,
        "exit_code": None,
        "signal": None,
        "last_words": "",
    }
    assert (await client.get(f"{vm}/services")).json() == {"services": [told]}
    assert (await client.get(f"{vm}/services/web")).json() == told
    assert (await client.get(f"{vm}/services/web/log")).content == b"[hatchway] started as pid 7\ntext"
    followed = await client.get(f"{vm}/services/web/log", params={"follow": "true"})
    assert followed.content.endswith(b"followed")
    assert (await client.delete(f"{vm}/services/web")).json() == {"removed": True}
    assert (await client.delete(f"{vm}/services/web")).json() == {"removed": False}
    for path in ("web", "web/log", "-x", "-x/log"):
        refused(await client.get(f"{vm}/services/{path}"), 404, "service_not_found")


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("-x", {"command": "a"}, "invalid_service"),
        ("web", {"command": "a", "ready": "/"}, "invalid_service"),
        ("web", {"command": "a", "port": 1, "ready": "x"}, "invalid_service"),
        ("web", {"command": "a", "port": 0}, "invalid_port"),
        ("web", {"command": "a", "port": "80"}, "invalid_port"),
        ("web", {"command": ""}, "invalid_command"),
        ("web", {"command": "a", "env": {"": "x"}}, "invalid_environment"),
        ("web", {"command": "a", "cwd": "../x"}, "invalid_path"),
        ("web", {"command": "a", "wait": -1}, "invalid_request"),
        ("web", {}, "invalid_request"),
    ],
)
async def test_what_is_no_service(
    client: httpx.AsyncClient, vm: str, name: str, body: object, code: str, refused: Refused
) -> None:
    refused(await client.put(f"{vm}/services/{name}", json=body), 400, code)
