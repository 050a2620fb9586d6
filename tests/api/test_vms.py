from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.conftest import BASE, MemoryServices
from hatchway.api.app import create_app
from hatchway.vm.key import Key, format_key


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
        "pause_after": None,
        "sleep_after": None,
    }
    assert (await client.get("/api/vms")).json() == {"vms": [first.json(), other.json()]}
    assert (await client.get(f"/api/vms/{first.json()['id']}")).json() == first.json()


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20), min_size=1, max_size=4
    )
    .filter(lambda key: key != [""])
    .map(tuple)
)
def test_a_vm_is_found_by_any_key_and_none_is_made(key: Key) -> None:
    asyncio.run(_find(key))


async def _find(key: Key) -> None:
    app = create_app(MemoryServices())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        query = {"name": "vm", "key": format_key(key)}
        answer = await client.get("/api/vms", params=query)
        assert (answer.status_code, answer.json()) == (200, {"vms": []})
        vm = (await client.post("/api/vms", json={"name": "vm", "key": list(key)})).json()
        await client.post("/api/vms", json={"name": "vm", "key": [*key, "child"]})
        assert (await client.get("/api/vms", params=query)).json() == {"vms": [vm]}


async def test_finding(client: httpx.AsyncClient) -> None:
    one, two = [
        (await client.post("/api/vms", json={"name": "vm", "key": key})).json() for key in (["a", "b"], ["c"])
    ]
    for query, found in (
        ("name=vm", [one, two]),
        ("key=a/b", [one]),
        ("name=vm&key=c", [two]),
        ("name=other&key=c", []),
        ("name=other", []),
        ("name=", []),
        ("key=a%5C/b", []),
        ("name=%F0%9F%8E%88", []),
    ):
        assert (await client.get(f"/api/vms?{query}")).json() == {"vms": found}, query


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("key=", "invalid_key"),
        ("key=%00", "invalid_key"),
        ("key=%FF", "invalid_key"),
        ("key=a%5Cb", "invalid_key"),
        ("key=a%5C", "invalid_key"),
        (f"key={'a' * 129}", "invalid_key"),
        (f"key={'/'.join(['a'] * 129)}", "invalid_key"),
        ("name=%FF", "invalid_query"),
        ("kind=vm", "invalid_query"),
        ("key=a&key=b", "invalid_query"),
    ],
)
async def test_questions_that_are_refused(
    client: httpx.AsyncClient, refused: Any, query: str, code: str
) -> None:
    refused(await client.get(f"/api/vms?{query}"), 400, code)


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
        ("GET", "/previews", None),
        ("POST", "/previews/expire", {"token": "a"}),
        ("POST", f"/previews/{'a' * 20}/expire", None),
        ("POST", f"/previews/{'a' * 20}/renew", {}),
        ("POST", "/previews/expire-all", None),
    ],
)
async def test_a_vm_that_is_not_there(
    client: httpx.AsyncClient, refused: Any, vm_id: str, method: str, rest: str, body: object
) -> None:
    if vm_id == "..":  # a client removes it before it sends (RFC 3986 section 5.2.4)
        vm_id = "%2E%2E"
    refused(await client.request(method, f"/api/vms/{vm_id}{rest}", json=body), 404, "vm_not_found")
