"""Shells by HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hatchway.vm.records import ShellRequest


async def open_shell(client: httpx.AsyncClient, vm: str, **body: object) -> str:
    answer = await client.post(f"{vm}/shells", json=body)
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["shell_id"])


async def test_opening_one(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    await open_shell(client, vm)
    await open_shell(client, vm, command="node", args=["-i"], env={"A": "b"}, cwd="app", cols=100, rows=30)
    assert services.opened == [
        ShellRequest(None, [], {}, None, 80, 24),
        ShellRequest("node", ["-i"], {"A": "b"}, "/home/user/app", 100, 30),
    ]
    shells = (await client.get(f"{vm}/shells")).json()["shells"]
    assert shells[1] == {
        "shell_id": f"{1:0>20}",
        "command": ["node", "-i"],
        "pid": 9,
        "state": "running",
        "exit_code": None,
        "signal": None,
        "cols": 100,
        "rows": 30,
        "started_at": "1970-01-12T13:46:41.500000Z",
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"command": ""}, "invalid_command"),
        ({"command": "a\0b"}, "invalid_command"),
        ({"args": ["a\0b"]}, "invalid_command"),
        ({"env": {"a=b": "c"}}, "invalid_environment"),
        ({"cwd": "a/../b"}, "invalid_path"),
        ({"cols": 0}, "invalid_request"),
        ({"rows": 65_536}, "invalid_request"),
        ({"cols": "80"}, "invalid_request"),
        ({"size": 5}, "invalid_request"),
    ],
)
async def test_what_cannot_be_one(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, body: dict[str, object], code: str
) -> None:
    refused(await client.post(f"{vm}/shells", json=body), 400, code)
    assert services.opened == []


async def test_its_arguments_may_be_empty(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    await open_shell(client, vm, args=["", "x"])
    assert services.opened[0].args == ["", "x"]


async def test_using_one(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    shell = await open_shell(client, vm)
    place = f"{vm}/shells/{shell}"
    answer = await client.post(f"{place}/write", content=b"l\xff\r")
    assert answer.json() == {"written": 3}
    assert services.typed == [(shell, b"l\xff\r")]
    assert (await client.post(f"{place}/resize", json={"cols": 1, "rows": 65_535})).status_code == 204
    assert services.shell_sizes == [(shell, 1, 65_535)]
    assert (await client.delete(place)).status_code == 204
    assert services.closed_shells == [shell]


@pytest.mark.parametrize("shell", ["f" * 20, "F" * 20, "1", "0" * 21])
async def test_one_that_is_not_there(client: httpx.AsyncClient, vm: str, refused: Any, shell: str) -> None:
    place = f"{vm}/shells/{shell}"
    refused(await client.post(f"{place}/write", content=b"x"), 404, "shell_not_found")
    refused(await client.post(f"{place}/resize", json={"cols": 1, "rows": 1}), 404, "shell_not_found")
    refused(await client.delete(place), 404, "shell_not_found")


async def test_too_many(client: httpx.AsyncClient, vm: str, refused: Any) -> None:
    for _ in range(3):
        await open_shell(client, vm)
    refused(await client.post(f"{vm}/shells", json={}), 409, "too_many_shells")
