"""Bad input to the raw HTTP API: a clear 4xx with code, message and hint; nothing changed, nothing given away."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
import pytest

from e2e.server_process import ServerProcess
from hatchway import Agent

pytestmark = pytest.mark.sandbox

NO_VM = "/api/vms/" + "0" * 20
JSON = {"Content-Type": "application/json"}

# What the answer must never hold: Python's or our own insides, and places on the host.
INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|hatchway\.|/tmp/|/root|/proc/self|0x[0-9a-f]{6}"
)

KEYS: list[Any] = [
    "",
    [],
    [""],
    None,
    5,
    True,
    {},
    {"a": "b"},
    [5],
    [None],
    [["nested"]],
    "nul\0",
    "x" * 129,
    "é" * 65,
    ["x" * 128] * 9,
    ["x"] * 129,
]
PORTS: list[Any] = [0, -1, 65536, 70000, "abc", "3000", 3000.5, None, True, [3000], {}, 10**40]
EXPIRIES: list[Any] = [0, -1, 86401, 10**40, "60", 1.5, True, [], {}]
PATHS = [
    "",
    "%00",
    "a%00b",
    "..",
    "../x",
    "/home/user/../../etc/passwd",
    "a/%2e%2e/b",
    "%2E%2E",
    "x" * 256,
    "x" * 4096,
    "%FF" * 256,
    "/x" * 2050,
]
TEXTS = ["", "{", "nul", '{"name": "vm" "key": "x"}', "\0", "{'name': 'vm'}", '{"name": NaN}']
"""What is no JSON."""
BODIES: list[Any] = [
    {},
    [],
    "x",
    {"name": "vm"},
    {"name": 5, "key": "x"},
    {"name": "vm", "key": "x", "more": 1},
]
"""JSON that names no VM."""

Row = tuple[str, str, int, str, dict[str, Any]]


def rows() -> list[Row]:
    """Method, path, expected status and code, and the rest of the request; {vm} is a VM's path."""
    table: list[Row] = [
        *(("POST", "/api/vms", 400, "invalid_key", {"json": {"name": "vm", "key": key}}) for key in KEYS),
        ("POST", "/api/vms", 404, "unknown_vm_kind", {"json": {"name": "other", "key": "x"}}),
        *(("POST", "/api/vms", 400, "invalid_json", {"content": text, "headers": JSON}) for text in TEXTS),
        *(("POST", "/api/vms", 400, "invalid_request", {"json": body}) for body in BODIES),
        *(
            ("POST", "/api/vms", 400, "invalid_request", {"content": text, "headers": JSON})
            for text in ("[1", "[" * 20_000)
        ),
        *(("POST", "{vm}/previews", 400, "invalid_port", {"json": {"port": port}}) for port in PORTS),
        *(
            (
                "POST",
                "{vm}/previews",
                400,
                "invalid_expiry",
                {"json": {"port": 1, "expires_in_seconds": seconds}},
            )
            for seconds in EXPIRIES
        ),
        *(
            ("POST", "{vm}/previews", 400, "invalid_request", {"json": body})
            for body in ({}, {"port": 1, "expiresInSeconds": 5}, [3000])
        ),
        *(
            ("POST", "{vm}/previews/expire", 400, "invalid_request", {"json": body})
            for body in ({}, {"token": None}, {"token": 5}, {"token": "x", "port": 1})
        ),
        *(
            (method, "{vm}/files?path=" + path, 400, "invalid_path", {})
            for path in PATHS
            for method in ("GET", "PUT", "DELETE")
        ),
        *(("GET", "{vm}/files/exists?path=" + path, 400, "invalid_path", {}) for path in PATHS),
        ("GET", "{vm}/files", 400, "invalid_path", {}),
        ("GET", "{vm}/files?path=a&path=b", 400, "invalid_query", {}),
        ("GET", "{vm}/files?path=a&mode=644", 400, "invalid_query", {}),
        ("GET", "{vm}/files?file=a", 400, "invalid_query", {}),
        *(
            ("PUT", "{vm}/files?path=a&mode=" + mode, 400, "invalid_mode", {})
            for mode in ("", "8", "-1", "rwx", "17777", "0o7")
        ),
        *(
            ("POST", "{vm}/exec", 400, code, {"json": body})
            for body, code in (
                ({}, "invalid_request"),
                ({"command": 5}, "invalid_request"),
                ({"command": [5]}, "invalid_request"),
                ({"command": "true", "shell": True}, "invalid_request"),
                ({"command": "true", "timeout": 0}, "invalid_request"),
                ({"command": "true", "timeout": "1"}, "invalid_request"),
                ({"command": "true", "env": {"A": 5}}, "invalid_request"),
                ({"command": ""}, "invalid_command"),
                ({"command": []}, "invalid_command"),
                ({"command": "a\0b"}, "invalid_command"),
                ({"command": "true", "env": {"": "x"}}, "invalid_environment"),
                ({"command": "true", "env": {"A=B": "x"}}, "invalid_environment"),
                ({"command": "true", "cwd": "a\0b"}, "invalid_path"),
                ({"command": "true", "stdin_base64": "***"}, "invalid_stdin"),
                ({"command": "true", "stdin": "x", "stdin_base64": "eA=="}, "invalid_stdin"),
            )
        ),
        ("POST", "{vm}/exec", 404, "command_not_found", {"json": {"command": ["no-such-command"]}}),
        ("POST", "{vm}/exec", 404, "cwd_not_found", {"json": {"command": "true", "cwd": "/missing"}}),
        ("POST", "{vm}/exec", 413, "body_too_large", {"json": {"command": "true", "stdin": "x" * (2 << 20)}}),
        *(
            ("POST", "{vm}/processes", 400, "invalid_request", {"json": body})
            for body in (
                {},
                {"command": ["sh"]},
                {"command": "sh", "args": "x"},
                {"command": "sh", "timeout": 1},
            )
        ),
        *(
            (method, "{vm}/processes/" + pid + action, 404, "process_not_found", {})
            for pid in ("1", "0", "-1", "abc", "99999999999999", "1.5", "%00")
            for method, action in (("GET", "/wait"), ("POST", "/stop"), ("POST", "/kill"))
        ),
        *(
            (
                "POST",
                path,
                415,
                "unsupported_media_type",
                {"content": b'{"name": "vm", "key": "x"}', "headers": headers},
            )
            for path in ("/api/vms", "{vm}/exec", "{vm}/previews")
            for headers in (
                {"Content-Type": "text/plain"},
                {"Content-Type": "application/x-www-form-urlencoded"},
                {},
            )
        ),
        *(
            (method, path, 405, "method_not_allowed", {})
            for method, path in (
                ("DELETE", "/api/vms"),
                ("PUT", "/api/vms"),
                ("POST", "{vm}"),
                ("GET", "{vm}/exec"),
                ("POST", "{vm}/files"),
                ("GET", "{vm}/previews/expire"),
            )
        ),
        *(
            ("GET", path, 404, "unknown_action", {})
            for path in (
                "/",
                "/api",
                "/api/",
                "/api/nothing",
                "/favicon.ico",
                "{vm}/fly",
                "{vm}/",
                "/api/vms/",
            )
        ),
        ("POST", "{vm}/dance", 404, "unknown_action", {"json": {}}),
        *(
            (method, NO_VM + path, 404, "vm_not_found", rest)
            for method, path, rest in (
                ("GET", "", {}),
                ("DELETE", "", {}),
                ("GET", "/processes", {}),
                ("GET", "/files?path=x", {}),
                ("PUT", "/files?path=x", {}),
                ("POST", "/exec", {"json": {"command": "true"}}),
                ("POST", "/previews", {"json": {"port": 3000}}),
                ("GET", "/ports/3000/", {}),
            )
        ),
        ("GET", "/api/vms/..%2f..%2fetc", 404, "unknown_action", {}),
        *(
            ("GET", "{vm}/ports/" + port + "/", 400, "invalid_port", {})
            for port in ("0", "65536", "99999999", "abc", "-1", "3000.5", "03000", "%33000", "")
        ),
        ("GET", "/api/vms", 403, "unknown_host", {"headers": {"Host": "rebound.example"}}),
        ("GET", "/api/vms", 403, "unknown_host", {"headers": {"Host": "localhost.example:6420"}}),
        ("GET", "/api/vms", 403, "cross_site", {"headers": {"Origin": "https://example.org"}}),
        ("GET", "/api/vms", 403, "cross_site", {"headers": {"Origin": "null"}}),
        ("GET", "/api/vms", 403, "cross_site", {"headers": {"Sec-Fetch-Site": "same-site"}}),
        ("GET", "{vm}/ports/3000/", 403, "cross_site", {"headers": {"Sec-Fetch-Site": "cross-site"}}),
    ]
    return table


@pytest.fixture(scope="module")
def vm(server: ServerProcess) -> str:
    """The path of one VM for the whole table: no row changes it."""
    made = httpx.post(f"{server.url}/api/vms", json={"name": "vm", "key": "bad-input"}, trust_env=False)
    return f"/api/vms/{made.json()['id']}"


def _name(row: Row) -> str:
    return f"{row[3]}-{row[0]}-{row[1]}"[:70]


@pytest.mark.parametrize("row", rows(), ids=_name)
async def test_it_is_refused(server: ServerProcess, http: httpx.AsyncClient, vm: str, row: Row) -> None:
    method, path, status, code, rest = row
    url = f"http://127.0.0.1:{server.port}{path.replace('{vm}', vm)}"
    answer = await http.request(method, url, **rest)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    problem = answer.json()
    assert problem["code"] == code
    assert problem.keys() == {"code", "message", "hint"}
    assert problem["message"]
    assert isinstance(problem["hint"], str)
    assert INSIDES.search(answer.text) is None
    assert str(server.data_dir) not in answer.text


async def test_nothing_of_it_changed_anything(
    server: ServerProcess, http: httpx.AsyncClient, vm: str
) -> None:
    """Runs after the table: the VM is as it was, and the server has logged no error."""
    keys = [each["key"] for each in (await http.get(f"{server.url}/api/vms")).json()["vms"]]
    assert keys.count(["bad-input"]) == 1
    assert not any(key in keys for key in ([""], ["x"], ["nul\0"]))
    listed = await http.post(f"{server.url}{vm}/exec", json={"command": "ls -A"})
    assert listed.json()["stdout"] == ""
    assert (await http.get(f"{server.url}{vm}/processes")).json() == {"processes": []}
    assert b"Traceback" not in server.output
    assert b"ERROR" not in server.output


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /api/vms HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /api/vms\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /api/vms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET /api/vms HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/vms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /api/vms HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /api/vms HTTP/1.1\nHost: localhost\n\n\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
    ],
    ids=range(13),
)
async def test_what_is_no_request_is_refused(server: ServerProcess, request_head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request_head)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 4"), answer
    problem = json.loads(body)
    assert problem.keys() == {"code", "message", "hint"}
    assert INSIDES.search(body.decode()) is None


async def test_other_uses_of_the_host_name_do_not_reach_the_api(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient, vm_path: str
) -> None:
    await agent.write_file("kept", "x")
    for host in (f"x.localhost:{server.port}", "a.b.localhost", ".localhost", f"{'a' * 32}.localhost"):
        for path in ("/api/vms", vm_path, f"{vm_path}/files?path=kept"):
            answer = await http.get(f"http://127.0.0.1:{server.port}{path}", headers={"Host": host})
            assert answer.status_code == 403
            assert answer.json()["code"] == "preview_not_found"


def test_insides_would_be_seen() -> None:
    for text in ("Traceback (most recent", "in /tmp/data", "hatchway.api.app", "app.py", "at 0x7f1234567890"):
        assert INSIDES.search(text) is not None
