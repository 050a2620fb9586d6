from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest

from hatchway.api.bodies import MAX_JSON_BYTES


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/", "/api/vm", "/api/vms/", "/api/vms/a/b", "/api/openapi.json/x"]
)
async def test_unknown_actions(client: httpx.AsyncClient, refused: Any, path: str) -> None:
    answer = await client.get(path)
    refused(answer, 404, "unknown_action")
    assert "/api/openapi.json" in answer.json()["hint"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/vms", "GET, HEAD, POST"),
        ("POST", "/api/health", "GET, HEAD"),
        ("PATCH", "/api/vms/" + "a" * 20, "DELETE, GET, HEAD"),
        ("POST", f"/api/vms/{'a' * 20}/files", "DELETE, GET, HEAD, PUT"),
        ("GET", f"/api/vms/{'a' * 20}/exec", "POST"),
        ("OPTIONS", "/api/vms", "GET, HEAD, POST"),
    ],
)
async def test_wrong_methods(
    client: httpx.AsyncClient, refused: Any, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b'{"name":"vm","key":"k"} x', 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b'{"name":"\xff","key":"k"}', 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_request"),
        (b'{"name":"vm","key":' + b"[" * 100_000, 400, "invalid_json"),
        (b"[]", 400, "invalid_request"),
        (b"null", 400, "invalid_request"),
        (b'{"name":"vm"}', 400, "invalid_request"),
        (b'{"name":1,"key":"k"}', 400, "invalid_request"),
        (b'{"name":"vm","key":"k","colour":1}', 400, "invalid_request"),
        (b'{"name":"vm","key":1}', 400, "invalid_key"),
        (b'{"name":"vm","key":[]}', 400, "invalid_key"),
        (b'{"name":"vm","key":[1]}', 400, "invalid_key"),
        (b'{"name":"vm","key":""}', 400, "invalid_key"),
        (json.dumps({"name": "vm", "key": "k" * 129}).encode(), 400, "invalid_key"),
        (json.dumps({"name": "vm", "key": ["k" * 128] * 9}).encode(), 400, "invalid_key"),
        (b'{"name":"vm","key":"a\\u0000"}', 400, "invalid_key"),
        (b'{"name":"nothing","key":"k"}', 404, "unknown_vm_kind"),
        (b" " * (MAX_JSON_BYTES + 1), 413, "body_too_large"),
    ],
)
async def test_bodies_that_are_refused(
    client: httpx.AsyncClient, services: Any, refused: Any, body: bytes, status: int, code: str
) -> None:
    headers = {"Content-Type": "application/json"}
    refused(await client.post("/api/vms", content=body, headers=headers), status, code)

    async def streamed() -> Any:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    refused(await client.post("/api/vms", content=streamed(), headers=headers), status, code)
    assert services.vms == {}


@pytest.mark.parametrize(
    "media_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_only_json_is_read(client: httpx.AsyncClient, refused: Any, media_type: str | None) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = await client.post("/api/vms", content=b'{"name":"vm","key":"k"}', headers=headers)
    refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_by_any_spelling(client: httpx.AsyncClient, media_type: str) -> None:
    answer = await client.post(
        "/api/vms", content=b'{"name":"vm","key":"k"}', headers={"Content-Type": media_type}
    )
    assert answer.status_code == 201


async def test_an_unknown_parameter_is_refused(client: httpx.AsyncClient, refused: Any) -> None:
    refused(await client.get("/api/vms?verbose=1"), 400, "invalid_query")
    refused(await client.get("/api/vms?%zz"), 400, "invalid_query")


async def test_an_unexpected_error_says_nothing_and_logs_no_value(
    client: httpx.AsyncClient,
    services: Any,
    vm: str,
    refused: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    services.refusal = RuntimeError("token abc at /secret/path")
    with caplog.at_level(logging.DEBUG):
        answer = await client.get(vm)
    refused(answer, 500, "internal_error")
    for text in (answer.text, caplog.text):
        assert "secret" not in text
        assert "abc" not in text
    assert "getVm failed with RuntimeError in _check (conftest.py:" in caplog.text


async def test_an_error_decides_its_status(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, broken: Exception
) -> None:
    services.refusal = broken
    answer = await client.post(f"{vm}/processes", json={"command": "node"})
    assert answer.status_code == 503
    assert answer.json() == {"code": "vm_boot_failed", "message": "the VM did not start", "hint": "try again"}


async def test_head_is_get_without_its_content(client: httpx.AsyncClient, vm: str) -> None:
    for path in ("/api/health", "/api/vms", vm, f"{vm}/processes", f"{vm}/files/exists?path=a"):
        full, head = await client.get(path), await client.head(path)
        assert head.status_code == full.status_code == 200
        assert head.headers["content-length"] == full.headers["content-length"] == str(len(full.content))
        assert head.content == b""


async def test_an_answer_to_head_that_is_a_refusal(client: httpx.AsyncClient) -> None:
    answer = await client.head("/api/vms/" + "a" * 20)
    assert (answer.status_code, answer.content) == (404, b"")
