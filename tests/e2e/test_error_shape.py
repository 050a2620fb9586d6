"""The one shape of a refusal: every operation of the control API, with every typical mistake, at a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from e2e.server_process import ServerProcess
from hatchway.api.operation import Operation
from hatchway.api.routes import OPERATIONS, by_path

pytestmark = pytest.mark.sandbox

API_TOKEN = "api-t0ken-canary-19ab"

NOWHERE = "0" * 20
"""What a VM could be called."""

VALID: dict[str, Any] = {
    "name": "vm",
    "key": "shape",
    "command": "true",
    "port": 3000,
    "token": "t" * 32,
    "path": "shape.txt",
    "from": "shape.txt",
    "to": "moved.txt",
    "signal": "SIGTERM",
    "schedule": "@daily",
    "pause_after": 60,
    "sleep_after": 60,
    "cols": 80,
    "rows": 24,
}
"""A value of each field and query parameter that some operation requires."""

# What no answer may hold: Python's or our own insides, and places on the host.
INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|hatchway\.|/tmp/|/root|/proc/self|0x[0-9a-f]{6}"
)

WITH_JSON = [each for each in OPERATIONS if each.body not in (None, bytes)]
OF_A_VM = [each for each in OPERATIONS if "{vm_id}" in each.path]
NEEDS_NOTHING_THERE = {"cancelCronJob", "declareService", "removeService"}
"""Operations on what need not be there: they make it, or see to it that it is not."""
WITH_REQUIRED_QUERY = [each for each in OPERATIONS if any(parameter.required for parameter in each.query)]


def name_of(operation: object) -> str:
    return operation.id if isinstance(operation, Operation) else str(operation)


@pytest.fixture(scope="module")
def document(server: ServerProcess) -> Any:
    return httpx.get(f"{server.url}/api/openapi.json", trust_env=False).json()


@pytest.fixture(scope="module")
def plain(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def vm_id(plain: httpx.Client) -> Iterator[str]:
    """A VM of this module's own."""
    made = plain.post("/api/vms", json={"name": "vm", "key": "shape"}).json()["id"]
    yield made
    assert plain.delete(f"/api/vms/{made}").status_code == 204, "no refused request has destroyed it"


def place(operation: Operation, vm_id: str) -> str:
    """The path of an operation on that VM; what else it names is not there."""
    path = operation.path.replace("{vm_id}", vm_id).replace("{pid}", "999999").replace("{service}", "web")
    return re.sub(r"\{\w+_id\}", NOWHERE, path)


def query(operation: Operation) -> dict[str, str]:
    """The query parameters that it requires."""
    return {parameter.name: VALID[parameter.name] for parameter in operation.query if parameter.required}


def body(operation: Operation, document: Any) -> dict[str, Any]:
    """What httpx is given so that the body is valid."""
    if operation.body is None:
        return {}
    if operation.body is bytes:
        return {"content": b""}
    schema = document["components"]["schemas"][operation.body.__name__]
    return {"json": {name: VALID[name] for name in schema.get("required", ())}}


def check(answer: httpx.Response, operation: Operation | None, document: Any, status: int, code: str) -> None:
    """A refusal has this status and code, the one shape, and is in the document."""
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert problem.keys() == {"code", "message", "hint"}
    assert all(isinstance(value, str) for value in problem.values())
    assert problem["message"]
    assert INSIDES.search(answer.text) is None
    if operation is not None:
        described = document["paths"][operation.path][operation.method.lower()]["responses"][str(status)]
        assert f"`{code}`" in described["description"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
def test_an_unknown_query_parameter(
    operation: Operation, plain: httpx.Client, vm_id: str, document: Any
) -> None:
    for nonsense in ("nonsense=1", "nonsense", "%FF=1", "path=%zz" if operation.query else "a=%zz"):
        target = httpx.URL(place(operation, vm_id), query=nonsense.encode())
        answer = plain.request(operation.method, target, **body(operation, document))
        check(answer, operation, document, 400, "invalid_query")


@pytest.mark.parametrize("operation", WITH_REQUIRED_QUERY, ids=name_of)
def test_a_query_that_lacks_what_is_required(
    operation: Operation, plain: httpx.Client, vm_id: str, document: Any
) -> None:
    for missing in query(operation):
        given = {name: value for name, value in query(operation).items() if name != missing}
        answer = plain.request(operation.method, place(operation, vm_id), params=given)
        assert missing in answer.json()["message"]
        check(answer, operation, document, 400, answer.json()["code"])


@pytest.mark.parametrize("operation", OF_A_VM, ids=name_of)
@pytest.mark.parametrize("other", [NOWHERE, "x", "A" * 20, "%2e%2e", "%00", "%ff"])
def test_an_unknown_vm(operation: Operation, other: str, plain: httpx.Client, document: Any) -> None:
    answer = plain.request(
        operation.method, place(operation, other), params=query(operation), **body(operation, document)
    )
    check(answer, operation, document, 404, "vm_not_found")


@pytest.mark.parametrize(
    "operation",
    [each for each in OF_A_VM if re.search(r"\{(?!vm_id)", each.path) and each.id not in NEEDS_NOTHING_THERE],
    ids=name_of,
)
@pytest.mark.parametrize("other", ["x", "0", "-1", "%ff", "9" * 30])
def test_what_is_in_no_vm(
    operation: Operation, other: str, plain: httpx.Client, vm_id: str, document: Any
) -> None:
    path = re.sub(r"\{\w+\}", other, operation.path.replace("{vm_id}", vm_id))
    answer = plain.request(operation.method, path, params=query(operation), **body(operation, document))
    code = answer.json()["code"]
    assert code.endswith("_not_found")
    check(answer, operation, document, 404, code)


@pytest.mark.parametrize("operation", WITH_JSON, ids=name_of)
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b"[]", "invalid_request"),
        (b"null", "invalid_request"),
        (b'{"nonsense": 1}', "invalid_request"),
    ],
    ids=["empty", "broken", "no text", "list", "null", "unknown field"],
)
def test_a_body_that_is_not_as_expected(
    operation: Operation, content: bytes, code: str, plain: httpx.Client, vm_id: str, document: Any
) -> None:
    answer = plain.request(
        operation.method,
        place(operation, vm_id),
        params=query(operation),
        content=content,
        headers={"Content-Type": "application/json"},
    )
    check(answer, operation, document, 400, code)


@pytest.mark.parametrize("operation", WITH_JSON, ids=name_of)
def test_an_unknown_field_beside_valid_ones(
    operation: Operation, plain: httpx.Client, vm_id: str, document: Any
) -> None:
    content = body(operation, document)["json"] | {"nonsense": 1}
    answer = plain.request(operation.method, place(operation, vm_id), params=query(operation), json=content)
    assert "nonsense" in answer.json()["message"]
    check(answer, operation, document, 400, "invalid_request")


@pytest.mark.parametrize("operation", WITH_JSON, ids=name_of)
@pytest.mark.parametrize(
    "media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]
)
def test_a_body_of_another_type(
    operation: Operation, media_type: str | None, plain: httpx.Client, vm_id: str, document: Any
) -> None:
    content = json.dumps(body(operation, document)["json"]).encode()
    answer = plain.request(
        operation.method,
        place(operation, vm_id),
        params=query(operation),
        content=content,
        headers={} if media_type is None else {"Content-Type": media_type},
    )
    check(answer, operation, document, 415, "unsupported_media_type")


@pytest.mark.parametrize("operation", WITH_JSON, ids=name_of)
def test_a_body_that_is_too_large(
    operation: Operation, plain: httpx.Client, vm_id: str, document: Any
) -> None:
    answer = plain.request(
        operation.method,
        place(operation, vm_id),
        params=query(operation),
        content=b" " * (1024 * 1024 + 1),
        headers={"Content-Type": "application/json"},
    )
    check(answer, operation, document, 413, "body_too_large")


@pytest.mark.parametrize("path", by_path())
def test_another_method(path: str, plain: httpx.Client, vm_id: str, document: Any) -> None:
    operations = by_path()[path]
    allowed = {*operations, "HEAD"} if "GET" in operations else set(operations)
    target = place(next(iter(operations.values())), vm_id)
    for method in sorted({"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"} - allowed):
        answer = plain.request(method, target)
        check(answer, None, document, 405, "method_not_allowed")
        assert {name.strip() for name in answer.headers["allow"].split(",")} == allowed
    if "GET" not in operations:
        refused = plain.head(target)
        assert (refused.status_code, refused.content) == (405, b"")


# Below a port is what its service serves.
@pytest.mark.parametrize(
    "path", [*(path for path in by_path() if not path.endswith("/ports")), "/api", "/api/", "/api/nonsense"]
)
def test_a_path_that_leads_nowhere(path: str, plain: httpx.Client, vm_id: str, document: Any) -> None:
    target = re.sub(r"\{\w+\}", NOWHERE, path.replace("{vm_id}", vm_id))
    for beyond in (f"{target}/nonsense/nonsense", f"{target}//"):
        answer = plain.get(beyond)
        check(answer, None, document, 404, "unknown_action")


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "attacker.example"}, "unknown_host"),
        ({"Origin": "http://attacker.example"}, "cross_site"),
        ({"Sec-Fetch-Site": "cross-site"}, "cross_site"),
    ],
    ids=["host", "origin", "site"],
)
def test_who_may_not_call(
    operation: Operation,
    headers: dict[str, str],
    code: str,
    plain: httpx.Client,
    vm_id: str,
    document: Any,
) -> None:
    answer = plain.request(
        operation.method,
        place(operation, vm_id),
        params=query(operation),
        headers=headers,
        **body(operation, document),
    )
    check(answer, operation, document, 403, code)


@pytest.fixture(scope="module")
def with_token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """To a server that has an API token."""
    folder = tmp_path_factory.mktemp("with-token")
    with (
        ServerProcess(folder, environment={"HATCHWAY_TOKEN": API_TOKEN}) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client,
    ):
        yield client


@pytest.mark.parametrize("operation", OPERATIONS, ids=name_of)
@pytest.mark.parametrize("token", [None, "wrong", API_TOKEN[:-1]])
def test_who_has_not_the_token(
    operation: Operation, token: str | None, with_token: httpx.Client, document: Any
) -> None:
    headers = {} if token is None else {"Hatchway-Token": token}
    answer = with_token.request(
        operation.method,
        place(operation, NOWHERE),
        params=query(operation),
        headers=headers,
        **body(operation, document),
    )
    check(answer, operation, document, 401, "unauthorized")


def test_who_has_the_token_is_heard(with_token: httpx.Client) -> None:
    for headers in ({"Hatchway-Token": API_TOKEN}, {"Authorization": f"Bearer {API_TOKEN}"}):
        assert with_token.get("/api/vms", headers=headers).status_code == 200
