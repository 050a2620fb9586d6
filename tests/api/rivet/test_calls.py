"""Actions over HTTP: what they are asked with and answered in."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from api.conftest import RawCall
from api.rivet.client_side import DIALECTS, NOTHING, Dialect, refusal
from hatchway.api.rivet import endpoint
from hatchway.api.rivet.encodings import Encoding

Call = Callable[..., Awaitable[Any]]


async def test_each_encoding_there_and_back(call: Call, services: Any, actor: str, dialect: Dialect) -> None:
    content = bytes(range(256))
    nothing = NOTHING if dialect.encoding is not Encoding.JSON or dialect.version == 4 else None
    assert await call("writeFile", "/é\U0001f600", content, NOTHING, dialect=dialect) is nothing
    assert services.files == {(actor, "/é\U0001f600".encode()): content}
    assert await call("readFile", "/é\U0001f600", dialect=dialect) == content
    assert await call("exists", "/é\U0001f600", dialect=dialect) is True
    written = [{"path": "/$", "content": "$x"}, {"path": "/a\0", "content": b""}]
    results = await call("writeFiles", written, dialect=dialect)
    assert results[0] == {"path": "/$", "success": True}
    assert (results[1]["path"], results[1]["success"]) == ("/a\0", False)
    minted = await call("createSignedPreviewUrl", 3000, 60, dialect=dialect)
    assert minted["expiresAt"] == 2_000_060_000


async def test_a_call_by_kind_and_key(http: httpx.AsyncClient, services: Any, dialect: Dialect) -> None:
    query = "rvt-namespace=default&rvt-runner=default&rvt-crash-policy=sleep&rvt-key=a%2Cb&rvt-method="

    async def ask(method: str) -> httpx.Response:
        return await http.post(
            f"/gateway/vm/action/exists?{query}{method}",
            content=dialect.arguments(["/x", NOTHING]),
            headers=dialect.headers(),
        )

    if dialect.version == 4:  # as such a client does, whatever its name
        assert refusal(await ask("get")) == (404, "vm_not_found")
        assert services.vms == {}
        for method in ("getOrCreate", "get"):
            assert dialect.output(await ask(method)) is False
        assert list(services.vms) == [("vm", ("a", "b"))]
    assert refusal(await ask("nonsense")) == (400, "invalid_actor_query")
    assert refusal(
        await http.post(f"/gateway/other/action/exists?{query}getOrCreate", json={"args": []})
    ) == (
        404,
        "unknown_vm_kind",
    )


@pytest.mark.parametrize("token", ["s3cret", "a%2Fb%2B%3D", "%2F%2Faction%2Fx", "@@"])
async def test_a_token_in_the_path_is_no_part_of_the_id(
    http: httpx.AsyncClient, actor: str, token: str
) -> None:
    answer = await http.post(f"/gateway/{actor}@{token}/action/exists", json={"args": ["/x"]})
    assert answer.json() == {"output": False}
    assert refusal(await http.get(f"/gateway/{actor}@{token}/request/x"))[1] == "not_a_preview"


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@pytest.mark.parametrize("body", [b"", b"{", b"\xff" * 10, b"[" * 100_000, b"\x81" * 100_000, b"{}", b"5"])
async def test_bodies_that_are_none(
    http: httpx.AsyncClient, actor: str, dialect: Dialect, body: bytes
) -> None:
    answer = await http.post(f"/gateway/{actor}/action/exec", content=body, headers=dialect.headers())
    assert refusal(answer)[0] == 400


async def test_a_body_may_be_so_long(
    http: httpx.AsyncClient, ask: Any, actor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "MAX_BODY_BYTES", 1000)
    for dialect in DIALECTS:
        assert refusal(await ask("writeFile", "/a", b"x" * 1000, dialect=dialect)) == (413, "body_too_large")
    for method in ("PUT", "POST"):
        answer = await http.request(method, "/actors", json={"name": "vm", "key": "k" * 1000})
        assert refusal(answer) == (413, "body_too_large")


async def test_an_encoding_that_is_not_known(http: httpx.AsyncClient, actor: str) -> None:
    answer = await http.post(
        f"/gateway/{actor}/action/exec", json={"args": []}, headers={"x-rivet-encoding": "x"}
    )
    assert refusal(answer) == (400, "invalid_encoding")


@pytest.mark.parametrize("name", ["f" * 20, "nonsense", "%00", "..", "%FF"])
async def test_a_vm_that_is_not_there(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.post(f"/gateway/{name}/action/exists", json={"args": ["/"]})
    assert answer.status_code == 404


async def test_a_failure_is_told_without_its_words(
    ask: Any, services: Any, dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    services.refusal = RuntimeError("a secret")
    answer = await ask("exec", "s3cret", dialect=dialect)
    assert refusal(answer) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "RuntimeError" in caplog.text
    assert "a secret" not in caplog.text
    assert "s3cret" not in caplog.text


async def test_nothing_is_logged_of_what_is_refused(ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "hatchway")
    await ask("exec", "s3cret", {"s3cret": 1})
    await ask("writeFile", "/a", b"s3cret")
    assert not [record for record in caplog.records if "s3cret" in record.getMessage()]


async def test_a_client_that_goes_calls_its_action_off(
    raw_call: Callable[..., RawCall], services: Any, actor: str
) -> None:
    services.script = [asyncio.Event()]
    call = raw_call("POST", f"/gateway/{actor}/action/exec")
    call.body(json.dumps({"args": ["sleep 1000"]}).encode())
    await asyncio.wait_for(services.running.wait(), 10)
    call.disconnect()
    await asyncio.wait_for(call.task, 10)
    assert services.left.is_set()
    assert call.sent == []


async def test_a_client_that_goes_within_its_body(
    raw_call: Callable[..., RawCall], actor: str, services: Any
) -> None:
    call = raw_call("POST", f"/gateway/{actor}/action/exec")
    call.body(b'{"args"', more=True)
    call.disconnect()
    await asyncio.wait_for(call.task, 10)
    assert (call.sent, services.executed) == ([], [])


@pytest.mark.parametrize("method", ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])
async def test_below_request_there_are_only_previews(
    http: httpx.AsyncClient, actor: str, method: str
) -> None:
    for rest in ("", "/", "/p/q?x=1&rvt-method=get"):
        answer = await http.request(method, f"/gateway/{actor}/request{rest}")
        assert answer.status_code == 404
        assert method == "HEAD" or refusal(answer) == (404, "not_a_preview")


@pytest.mark.parametrize(
    ("agent", "version"),
    [
        ("RivetKit/2.3.19", 4),
        ("RivetKit/2.10.0", 4),
        ("RivetKit/2.2.1", 3),
        ("RivetKit/2.x", 3),
        ("RivetKit/2.²", 3),
        ("", 3),
        ("node", 3),
    ],
)
async def test_json_says_undefined_only_to_those_who_know_it(
    http: httpx.AsyncClient, actor: str, agent: str, version: int
) -> None:
    answer = await http.post(
        f"/gateway/{actor}/action/mkdir", json={"args": ["/a"]}, headers={b"user-agent": agent.encode()}
    )
    assert answer.json() == {"output": ["$Undefined", 0] if version == 4 else None}
