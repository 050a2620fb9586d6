"""Ports of a VM over the control API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import MemoryServices, Refused
from e2e.waiting import eventually


async def test_the_list(client: httpx.AsyncClient, vm: str) -> None:
    assert (await client.get(f"{vm}/ports")).json() == {
        "ports": [
            {
                "port": 3000,
                "address": "127.0.0.1",
                "family": "ipv4",
                "pid": 7,
                "command": ["node", "\ufffd"],
                "command_base64": ["bm9kZQ==", "/w=="],
            },
            {"port": 5432, "address": "::", "family": "ipv6", "pid": None, "command": []},
        ]
    }


async def test_waiting(
    client: httpx.AsyncClient, vm: str, services: MemoryServices, refused: Refused
) -> None:
    answer = await client.post(f"{vm}/wait-for-port", json={"port": 3000, "timeout": 1.5})
    assert (answer.status_code, answer.content) == (204, b"")
    await client.post(f"{vm}/wait-for-port", json={"port": 3000})
    assert services.waited == [1.5, 30]
    refused(await client.post(f"{vm}/wait-for-port", json={"port": 1, "timeout": 0}), 409, "port_closed")


async def test_waiting_ends_with_its_client(vm: str, services: MemoryServices, raw_call: Any) -> None:
    call = raw_call("POST", f"{vm}/wait-for-port", {"Content-Type": "application/json"})
    call.body(b'{"port":9}')

    async def waits() -> bool:
        return bool(services.waited)

    await eventually(waits, "the port is waited for")
    assert not services.waiting_ended
    call.disconnect()
    await call.task
    assert services.waiting_ended


@pytest.mark.parametrize("port", [0, -1, 70000, "3000", None, 1.5, True])
async def test_what_is_no_port(client: httpx.AsyncClient, vm: str, port: object, refused: Refused) -> None:
    refused(await client.post(f"{vm}/wait-for-port", json={"port": port}), 400, "invalid_port")


@pytest.mark.parametrize("timeout", [-1, "1", None, 1e9])
async def test_what_is_no_time(client: httpx.AsyncClient, vm: str, timeout: object, refused: Refused) -> None:
    answer = await client.post(f"{vm}/wait-for-port", json={"port": 3000, "timeout": timeout})
    refused(answer, 400, "invalid_request")
