"""What a client asks before its first action."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.rivet.client_side import refusal


def body(key: str = "my-agent", name: str = "vm") -> dict[str, Any]:
    """As a client writes it."""
    return {
        "name": name,
        "key": key,
        "runner_name_selector": "default",
        "crash_policy": "sleep",
        "input": "uQABYXgB",
        "datacenter": "eu",
    }


async def test_metadata(http: httpx.AsyncClient) -> None:
    answer = await http.get("/metadata?namespace=default")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"runtime": "hatchway", "version": "1.2.3"}


async def test_an_actor_is_got_or_created(http: httpx.AsyncClient, services: Any) -> None:
    for created in (True, False):
        answer = await http.put("/actors?namespace=default", json=body("k/a\\/b/\\0"))
        assert answer.status_code == 200
        assert answer.json() == {
            "actor": {
                "actor_id": next(iter(services.vms.values())).id,
                "name": "vm",
                "key": "k/a\\/b/\\0",
                "namespace_id": "default",
                "runner_name_selector": "default",
                "create_ts": 1_000_000_500,
                "connectable_ts": 1_000_000_500,
                "start_ts": 1_000_000_500,
                "sleep_ts": None,
                "destroy_ts": None,
            },
            "created": created,
        }
    assert list(services.vms) == [("vm", ("k", "a/b", ""))]


async def test_an_actor_is_created_once(http: httpx.AsyncClient) -> None:
    answer = await http.post("/actors?namespace=default", json=body())
    assert answer.json()["actor"]["key"] == "my-agent"
    assert refusal(await http.post("/actors?namespace=default", json=body())) == (409, "key_in_use")


async def test_actors_are_found(http: httpx.AsyncClient) -> None:
    ids = [
        (await http.put("/actors", json=body(key))).json()["actor"]["actor_id"]
        for key in ("a", "b/\\0", "c\\/d")
    ]

    async def found(query: str) -> list[str]:
        answer = await http.get(f"/actors?namespace=default&{query}")
        assert answer.status_code == 200
        return [each["actor_id"] for each in answer.json()["actors"]]

    assert await found("") == ids
    assert await found("name=vm") == ids
    assert await found("name=vm&key=a") == ids[:1]
    assert await found("name=vm&key=" + quote("b/\\0", safe="")) == ids[1:2]
    assert await found("name=vm&key=" + quote("c\\/d", safe="")) == ids[2:]
    assert await found("name=vm&key=none") == []
    assert await found("name=other&key=a") == []
    assert await found(f"actor_ids={ids[2]},{ids[0]}") == [ids[2], ids[0]]
    for nonsense in ("", "nonsense", "f" * 20, "%00", "%FF", "..", ",,,"):
        assert await found(f"actor_ids={nonsense}") == []
        assert await found(f"actor_ids={nonsense},{ids[0]}") == ids[:1]
    assert len(await found("actor_ids=" + ",".join([ids[0]] * 1000))) == 100


async def test_an_actor_is_destroyed(http: httpx.AsyncClient, services: Any) -> None:
    name = (await http.put("/actors", json=body())).json()["actor"]["actor_id"]
    answer = await http.delete(f"/actors/{name}?namespace=default")
    assert (answer.status_code, answer.json(), services.vms) == (200, {}, {})
    for each in (name, "nonsense", "%00", "f" * 20):
        assert refusal(await http.delete(f"/actors/{each}")) == (404, "vm_not_found")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid_request"),
        (b"{}", "invalid_request"),
        (b"[]", "invalid_request"),
        (b'{"name":5,"key":"a"}', "invalid_request"),
        (b'{"name":"vm","key":null}', "invalid_request"),
        (b'{"name":"vm","key":["a"]}', "invalid_request"),
        (b'{"name":"\\ud800","key":"a"}', "invalid_request"),
        (b'{"name":"vm","key":"\xff"}', "invalid_request"),
        (b"[" * 100_000, "invalid_request"),
        (b'{"x":' + b"[" * 100_000, "invalid_request"),
        (b'{"name":"vm"}', "invalid_key"),
        (b'{"name":"vm","key":""}', "invalid_key"),
        (b'{"name":"vm","key":"/"}', "invalid_key"),
        (b'{"name":"vm","key":"a//b"}', "invalid_key"),
        (b'{"name":"vm","key":"a\\\\b"}', "invalid_key"),
        (b'{"name":"vm","key":"\\u0000"}', "invalid_key"),
        (b'{"name":"other","key":"a"}', "unknown_vm_kind"),
        (b'{"name":"\\u0000","key":"a"}', "unknown_vm_kind"),
    ],
    ids=range(18),
)
async def test_what_is_refused(http: httpx.AsyncClient, services: Any, content: bytes, code: str) -> None:
    for method in ("PUT", "POST"):
        answer = await http.request(method, "/actors", content=content)
        assert refusal(answer) == (404 if code == "unknown_vm_kind" else 400, code)
    assert services.vms == {}


@pytest.mark.parametrize("key", ["", "%2F", "a%2F%2Fb", "%00", "%5C", "a" * 200])
async def test_what_is_no_key_in_a_query(http: httpx.AsyncClient, key: str) -> None:
    assert refusal(await http.get(f"/actors?name=vm&key={key}")) == (400, "invalid_key")


async def test_a_failure_is_told_without_its_words(http: httpx.AsyncClient, services: Any) -> None:
    services.refusal = RuntimeError("a secret")
    answer = await http.put("/actors", json=body())
    assert refusal(answer) == (500, "internal_error")
    assert "secret" not in answer.text
