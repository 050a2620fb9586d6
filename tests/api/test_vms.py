from __future__ import annotations

from typing import Any

import httpx
import pytest


async def test_get_or_create(client: httpx.AsyncClient) -> None:
    first = await client.post("/api/vms", json={"name": "vm", "key": "my-agent"})
    again = await client.post("/api/vms", json={"name": "vm", "key": ["my-agent"]})
    other = await client.post("/api/vms", json={"name": "vm", "key": ["my", "agent"]})
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert first.json() == again.json()
    assert first.json() == {
        "id": first.json()["id"],
        "name": "vm",
        "key": ["my-agent"],
        "state": "running",
        "created_at": "1970-01-12T13:46:40.500000Z",
    }
    assert (await client.get("/api/vms")).json() == {"vms": [first.json(), other.json()]}
    assert (await client.get(f"/api/vms/{first.json()['id']}")).json() == first.json()


async def test_destroy(client: httpx.AsyncClient, vm: str, refused: Any) -> None:
    assert (await client.delete(vm)).status_code == 204
    refused(await client.delete(vm), 404, "vm_not_found")
    refused(await client.get(vm), 404, "vm_not_found")


@pytest.mark.parametrize("vm_id", ["a" * 20, "x", "A" * 20, "..", "a" * 19 + "%0A", "%00", "%F0%9F%92%A9"])
@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/files?path=a", None),
        ("PUT", "/files?path=a", None),
        ("DELETE", "/files?path=a", None),
        ("GET", "/files/exists?path=a", None),
        ("POST", "/exec", {"command": "true"}),
        ("POST", "/processes", {"command": "true"}),
        ("GET", "/processes", None),
        ("GET", "/processes/2/wait", None),
        ("POST", "/processes/2/stop", None),
        ("POST", "/processes/2/kill", None),
        ("POST", "/previews", {"port": 1}),
        ("POST", "/previews/expire", {"token": "a"}),
    ],
)
async def test_a_vm_that_is_not_there(
    client: httpx.AsyncClient, refused: Any, vm_id: str, method: str, rest: str, body: object
) -> None:
    if vm_id == "..":  # a client removes it before it sends (RFC 3986 section 5.2.4)
        vm_id = "%2E%2E"
    refused(await client.request(method, f"/api/vms/{vm_id}{rest}", json=body), 404, "vm_not_found")
