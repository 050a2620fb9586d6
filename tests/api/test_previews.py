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
        "id": "0" * 20,
        "token": token,
        "path": f"/fetch/{token}",
        "port": 3000,
        "expires_at": "1970-01-24T03:38:20Z",
        "url": f"http://{token}.localhost:6420/",
        "forward_host": False,
        "cors": "open",
        "label": "",
        "wake": True,
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


async def make(client: httpx.AsyncClient, vm: str, **fields: object) -> Any:
    answer = await client.post(f"{vm}/previews", json={"port": 3000, **fields})
    assert answer.status_code == 201
    return answer.json()


async def other_vm(client: httpx.AsyncClient) -> str:
    answer = await client.post("/api/vms", json={"name": "vm", "key": "other"})
    return f"/api/vms/{answer.json()['id']}"


async def test_the_list(client: httpx.AsyncClient, vm: str) -> None:
    assert (await client.get(f"{vm}/previews")).json() == {"previews": []}
    first = await make(client, vm, label="für Ana 🎈", forward_host=True, cors="app", expires_in_seconds=60)
    second = await make(client, vm)
    assert (first["label"], second["label"]) == ("für Ana 🎈", "")
    answer = await client.get(f"{vm}/previews")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["previews"][0] == {
        "id": first["id"],
        "port": 3000,
        "created_at": "1970-01-24T03:33:20Z",
        "expires_at": "1970-01-24T03:34:20Z",
        "forward_host": True,
        "cors": "app",
        "label": "für Ana 🎈",
        "wake": True,
    }
    assert [each["id"] for each in answer.json()["previews"]] == [first["id"], second["id"]]
    assert first["token"] not in answer.text
    assert (await client.get(f"{await other_vm(client)}/previews")).json() == {"previews": []}


@pytest.mark.parametrize(
    "label", [None, 1, True, ["a"], {}, "a\nb", "\x00", "\x1b[31m", "a\tb", "\u2028", "x" * 201]
)
async def test_labels_that_are_refused(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, label: object
) -> None:
    answer = await client.post(f"{vm}/previews", json={"port": 3000, "label": label})
    refused(answer, 400, "invalid_label")
    assert services.previews == {}


async def test_a_lone_surrogate_is_no_label(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any
) -> None:
    answer = await client.post(
        f"{vm}/previews",
        content=b'{"port": 3000, "label": "\\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert services.previews == {}


async def test_renewing(client: httpx.AsyncClient, vm: str) -> None:
    preview = await make(client, vm, label="mine")
    for body, ends in (
        ({}, "1970-02-04T18:20:00Z"),
        ({"expires_in_seconds": None}, "1970-02-04T18:20:00Z"),
        ({"expires_in_seconds": 60}, "1970-02-04T17:21:00Z"),
    ):
        answer = await client.post(f"{vm}/previews/{preview['id']}/renew", json=body)
        assert (answer.status_code, answer.json()["expires_at"]) == (200, ends)
        assert (await client.get(f"{vm}/previews")).json() == {"previews": [answer.json()]}
        assert preview["token"] not in answer.text


@pytest.mark.parametrize("seconds", [0, -1, "60", 1.5, True, [], 86401, 10**30])
async def test_new_lives_that_are_refused(
    client: httpx.AsyncClient, vm: str, refused: Any, seconds: object
) -> None:
    preview = await make(client, vm)
    body = {"expires_in_seconds": seconds}
    refused(await client.post(f"{vm}/previews/{preview['id']}/renew", json=body), 400, "invalid_expiry")


@pytest.mark.parametrize("body", [[], {"ttl": 5}, {"label": "x"}, {"token": "x"}])
async def test_renewals_that_are_refused(
    client: httpx.AsyncClient, vm: str, refused: Any, body: object
) -> None:
    preview = await make(client, vm)
    refused(await client.post(f"{vm}/previews/{preview['id']}/renew", json=body), 400, "invalid_request")


async def test_revoking_by_id_and_all(client: httpx.AsyncClient, vm: str, refused: Any) -> None:
    previews = [await make(client, vm) for _ in range(3)]
    elsewhere = await other_vm(client)
    kept = await make(client, elsewhere)
    gone = f"{vm}/previews/{previews[1]['id']}/expire"
    assert (await client.post(gone)).json() == {"expired": True}
    refused(await client.post(gone), 404, "preview_not_found")
    assert (await client.post(f"{vm}/previews/expire-all")).json() == {"expired": 2}
    assert (await client.post(f"{vm}/previews/expire-all")).json() == {"expired": 0}
    assert [each["id"] for each in (await client.get(f"{elsewhere}/previews")).json()["previews"]] == [
        kept["id"]
    ]


@pytest.mark.parametrize(
    "preview_id", ["f" * 20, "OTHER", "0" * 19, "0" * 21, "A" * 20, "%00", "%2e%2e", "7", "🎈"]
)
async def test_a_preview_that_is_not_there(
    client: httpx.AsyncClient, vm: str, refused: Any, preview_id: str
) -> None:
    """One of another VM is told apart from none by nobody."""
    kept = await make(client, await other_vm(client))
    path = f"{vm}/previews/{kept['id'] if preview_id == 'OTHER' else preview_id}"
    answers = [await client.post(f"{path}/expire"), await client.post(f"{path}/renew", json={})]
    for answer in answers:
        refused(answer, 404, "preview_not_found")
    assert answers[0].json() == (await client.post(f"{vm}/previews/{'0' * 18}ff/expire")).json()
