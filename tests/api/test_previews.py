from __future__ import annotations

from typing import Any

import httpx
import pytest


async def test_create_and_expire(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    answer = await client.post(f"{vm}/previews", json={"port": 3000, "expires_in_seconds": 300})
    token = "0" * 32
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "token": token,
        "path": f"/fetch/{token}",
        "port": 3000,
        "expires_at": "1970-01-24T03:38:20Z",
        "url": f"http://{token}.localhost:6420/",
        "forward_host": False,
        "cors": "open",
    }
    for expired in (True, False):
        answer = await client.post(f"{vm}/previews/expire", json={"token": token})
        assert answer.json() == {"expired": expired}


@pytest.mark.parametrize("forward_host", [False, True])
@pytest.mark.parametrize("cors", ["open", "app"])
async def test_options_come_back(client: httpx.AsyncClient, vm: str, forward_host: bool, cors: str) -> None:
    body = {"port": 3000, "forward_host": forward_host, "cors": cors}
    answer = await client.post(f"{vm}/previews", json=body)
    assert (answer.status_code, answer.json()["forward_host"], answer.json()["cors"]) == (
        201,
        forward_host,
        cors,
    )


@pytest.mark.parametrize("cors", ["", "OPEN", "app ", "none", "*", None, True, 0, ["app"], {"app": True}])
async def test_modes_of_cors_that_are_refused(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, cors: object
) -> None:
    answer = await client.post(f"{vm}/previews", json={"port": 3000, "cors": cors})
    refused(answer, 400, "invalid_cors")
    assert '"open" or "app"' in answer.json()["message"]
    assert services.previews == {}


@pytest.mark.parametrize("forward_host", ["true", "", 1, 0, None, [True]])
async def test_what_is_no_choice_of_a_forwarded_host(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, forward_host: object
) -> None:
    answer = await client.post(f"{vm}/previews", json={"port": 3000, "forward_host": forward_host})
    refused(answer, 400, "invalid_request")
    assert "forward_host" in answer.json()["message"]
    assert services.previews == {}


@pytest.mark.parametrize("port", [0, -1, 65536, 70000, "3000", "abc", 3000.5, None, True, [3000], 10**30])
async def test_ports_that_are_refused(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, port: object
) -> None:
    answer = await client.post(f"{vm}/previews", json={"port": port})
    refused(answer, 400, "invalid_port")
    assert "between 1 and 65535" in answer.json()["message"]
    assert services.previews == {}


@pytest.mark.parametrize("seconds", [0, -1, "60", 1.5, True, [], 86401, 10**30])
async def test_lives_that_are_refused(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, seconds: object
) -> None:
    body = {"port": 3000, "expires_in_seconds": seconds}
    refused(await client.post(f"{vm}/previews", json=body), 400, "invalid_expiry")
    assert services.previews == {}


@pytest.mark.parametrize("body", [{}, {"port": 1, "ttl": 5}, [], {"port": 1, "token": "x"}])
async def test_bodies_that_are_refused(
    client: httpx.AsyncClient, vm: str, refused: Any, body: object
) -> None:
    refused(await client.post(f"{vm}/previews", json=body), 400, "invalid_request")


@pytest.mark.parametrize("body", [{}, {"token": 1}, {"token": None}, {"tokens": []}])
async def test_revocations_that_are_refused(
    client: httpx.AsyncClient, vm: str, refused: Any, body: object
) -> None:
    refused(await client.post(f"{vm}/previews/expire", json=body), 400, "invalid_request")
