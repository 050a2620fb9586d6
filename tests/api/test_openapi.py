from __future__ import annotations

import re
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import validate
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from api.conftest import MemoryServices
from hatchway.api.rivet import routes as rivet
from hatchway.api.routes import OPERATIONS


async def test_the_document_is_valid_and_served(client: httpx.AsyncClient, app: Starlette) -> None:
    answer = await client.get("/api/openapi.json")
    document = answer.json()
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"
    assert document == app.state.openapi


def test_every_route_is_in_the_document_and_nothing_else(
    app: Starlette, services: MemoryServices, contract: Any
) -> None:
    # Those of another's protocol are documented by whose it is.
    theirs = {route.path for route in rivet.routes(services) if isinstance(route, (Route, WebSocketRoute))}
    assert all(path == "/metadata" or path.startswith(("/actors", "/gateway/")) for path in theirs)
    routed = set()
    for route in app.routes:
        if isinstance(route, (Route, WebSocketRoute)) and route.path in theirs:
            continue
        if isinstance(route, WebSocketRoute):
            assert "101" in contract.document["paths"][route.path]["get"]["responses"]
            continue
        assert isinstance(route, Route)
        assert route.methods is not None
        routed |= {(method, route.path) for method in route.methods - {"HEAD"}}
    documented = {
        (method.upper(), path)
        for path, operations in contract.document["paths"].items()
        for method in operations
    }
    assert routed == documented
    assert len(OPERATIONS) == len(documented)
    assert len({operation.id for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: str(operation.id))
def test_every_operation_lists_its_errors(operation: Any, contract: Any) -> None:
    responses = contract.document["paths"][operation.path][operation.method.lower()]["responses"]
    for status, code in operation.all_errors:
        assert f"`{code}`" in responses[str(status)]["description"]
        assert re.fullmatch("[a-z0-9_]+", code)
    parameters = set(re.findall(r"\{(\w+)\}", operation.path)) | operation.query_names
    described = contract.document["paths"][operation.path][operation.method.lower()].get("parameters", [])
    assert {parameter["name"] for parameter in described} == parameters


async def test_every_foreseen_success_happens_and_fits(client: httpx.AsyncClient, contract: Any) -> None:
    """The whole contract once through; the client holds each answer against the document."""
    await client.get("/api/openapi.json")
    await client.get("/api/health")
    body = {"name": "vm", "key": ["a", "b"]}
    vm = f"/api/vms/{(await client.post('/api/vms', json=body)).json()['id']}"
    await client.post("/api/vms", json=body)
    await client.get("/api/vms")
    await client.get(vm)
    await client.get(f"{vm}/disk")
    await client.post("/api/gc", json={})
    file = {"path": "notes.txt"}
    await client.put(f"{vm}/files", params=file, content=b"hello")
    await client.get(f"{vm}/files", params=file)
    await client.get(f"{vm}/files/exists", params=file)
    for rest in ("stat", "list", "archive"):
        await client.get(f"{vm}/files/{rest}", params=file)
    await client.put(f"{vm}/files/archive", params={"path": "folder"}, content=b"")
    await client.post(f"{vm}/files/mkdir", params={"path": "folder"})
    await client.post(f"{vm}/files/move", params={"from": "notes.txt", "to": "other"})
    await client.delete(f"{vm}/files", params=file)
    await client.post(f"{vm}/exec", json={"command": "true"})
    await client.post(f"{vm}/exec", json={"command": "true"}, headers={"Accept": "application/x-ndjson"})
    pid = (await client.post(f"{vm}/processes", json={"command": "node"})).json()["pid"]
    await client.get(f"{vm}/processes")
    await client.get(f"{vm}/processes/all")
    await client.get(f"{vm}/processes/{pid}")
    await client.get(f"{vm}/processes/{pid}/output")
    await client.post(f"{vm}/processes/{pid}/stdin", content=b"x")
    await client.post(f"{vm}/processes/{pid}/stdin/close")
    await client.post(f"{vm}/processes/{pid}/signal", json={"signal": "HUP"})
    await client.post(f"{vm}/processes/{pid}/stop")
    await client.post(f"{vm}/processes/{pid}/kill")
    await client.get(f"{vm}/processes/{pid}/wait")
    for state in ("wake", "pause", "sleep"):
        await client.post(f"{vm}/{state}")
    await client.put(f"{vm}/idle", json={"pause_after": 1.5, "sleep_after": None})
    await client.put(f"{vm}/services/web", json={"command": "node", "port": 3000})
    await client.get(f"{vm}/services")
    await client.get(f"{vm}/services/web")
    await client.get(f"{vm}/services/web/log")
    await client.delete(f"{vm}/services/web")
    await client.get(f"{vm}/ports")
    await client.post(f"{vm}/wait-for-port", json={"port": 3000})
    await client.post(f"{vm}/cron", json={"schedule": "@daily", "command": "true", "id": "nightly"})
    await client.get(f"{vm}/cron")
    await client.delete(f"{vm}/cron/nightly")
    shell = (await client.post(f"{vm}/shells", json={})).json()["shell_id"]
    await client.get(f"{vm}/shells")
    await client.post(f"{vm}/shells/{shell}/write", content=b"x")
    await client.post(f"{vm}/shells/{shell}/resize", json={"cols": 100, "rows": 30})
    await client.delete(f"{vm}/shells/{shell}")
    preview = (await client.post(f"{vm}/previews", json={"port": 3000})).json()
    await client.get(f"{vm}/previews")
    await client.post(f"{vm}/previews/{preview['id']}/renew", json={})
    await client.post(f"{vm}/previews/{preview['id']}/expire")
    await client.post(f"{vm}/previews/expire", json={"token": preview["token"]})
    await client.post(f"{vm}/previews/expire-all")
    await client.delete(vm)
    assert contract.seen == {
        (operation.method.lower(), operation.path, str(success.status))
        for operation in OPERATIONS
        for success in operation.successes
        if success.status != 101  # no answer of HTTP's: see test_events.py
    }


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ("CreateVm", {"name": "vm", "key": "k"}, True),
        ("CreateVm", {"name": "vm", "key": ["k"]}, True),
        ("CreateVm", {"name": "vm", "key": 1}, False),
        ("CreateVm", {"name": "vm", "key": "k", "x": 1}, False),
        ("CreatePreview", {"port": 3000}, True),
        ("CreatePreview", {"port": 3000, "expires_in_seconds": None}, True),
        ("CreatePreview", {"port": 3000, "forward_host": True, "cors": "app"}, True),
        ("CreatePreview", {"port": 3000, "forward_host": 1}, False),
        ("CreatePreview", {"port": 3000, "cors": "none"}, False),
        ("CreatePreview", {"port": 3000, "cors": None}, False),
        ("CreatePreview", {"port": 3000, "label": "🎈" * 200}, True),
        ("CreatePreview", {"port": 3000, "label": "x" * 201}, False),
        ("CreatePreview", {"port": 3000, "label": None}, False),
        ("RenewPreview", {}, True),
        ("RenewPreview", {"expires_in_seconds": 0}, False),
        ("Problem", {"code": "a", "message": "m", "hint": ""}, True),
        (
            "Problem",
            {
                "code": "a",
                "message": "m",
                "hint": "",
                "retry_after": 2,
                "details": {"a": "x", "b": 1, "c": 1.5, "d": True, "e": None, "f": ["y"]},
            },
            True,
        ),
        ("Problem", {"code": "a", "message": "m", "hint": "", "retry_after": None}, False),
        ("Problem", {"code": "a", "message": "m", "hint": "", "details": {"a": {"b": 1}}}, False),
        ("CreatePreview", {"port": 0}, False),
        ("CreatePreview", {"port": "3000"}, False),
        ("Signal", {"signal": "HUP"}, True),
        ("Signal", {"signal": 64}, True),
        ("Signal", {"signal": 0}, False),
        ("Signal", {"signal": None}, False),
        ("Spawn", {"command": "a", "stdin": "x"}, True),
        ("Exec", {"command": ["a"], "timeout": 0.5}, True),
        ("Exec", {"command": "a", "timeout": 0}, False),
        ("Exec", {"command": ""}, False),
        ("Exec", {"command": "a\0b"}, False),
        ("Exec", {"command": []}, False),
        ("Exec", {"command": [""]}, False),
        ("Exec", {"command": ["a", ""]}, True),
        ("Exec", {"command": ["a", "\0"]}, False),
        ("Exec", {"command": ["\0"]}, False),
        ("Exec", {"command": "a", "env": {"A": "b=c"}}, True),
        ("Exec", {"command": "a", "env": {"A=": "b"}}, False),
        ("Exec", {"command": "a", "env": {"": "b"}}, False),
        ("Exec", {"command": "a", "env": {"A": "\0"}}, False),
        ("Exec", {"command": "a", "stdin_base64": "YQ=="}, True),
        ("Exec", {"command": "a", "stdin_base64": "YQ"}, False),
        ("Exec", {"command": "a", "cwd": "a..b/..c"}, True),
        ("Exec", {"command": "a", "cwd": "a/../b"}, False),
        ("Spawn", {"command": "a", "args": ["", "b"]}, True),
        ("Spawn", {"command": ""}, False),
        ("Signal", {"signal": "SIGHUP"}, True),
        ("Signal", {"signal": "SIGNONSENSE"}, False),
        ("Signal", {"signal": ""}, False),
        ("Signal", {"signal": 65}, False),
        ("CreateVm", {"name": "vm", "key": ["", "k"]}, True),
        ("CreateVm", {"name": "vm", "key": "k" * 129}, False),
        ("CreateVm", {"name": "vm", "key": ["k\0"]}, False),
        ("CreatePreview", {"port": 3000, "label": "a\nb"}, False),
    ],
)
def test_the_schemas_say_what_the_server_takes(contract: Any, schema: str, value: object, fits: bool) -> None:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    if fits:
        contract.validate(value, reference)
    else:
        with pytest.raises(jsonschema.ValidationError):
            contract.validate(value, reference)
