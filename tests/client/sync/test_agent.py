# Written by tools/generate-sync-client from tests/client/aio/test_agent.py.
from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest

from client.stub_server import VM, VM_ID, StubServer, answer, end, ndjson, never, out, refusal
from hatchway.client import SyncAgent
from hatchway.errors import (
    ConnectionFailed,
    HatchwayError,
    InvalidRequest,
    NotFound,
    Unavailable,
)

GONE = refusal("404 Not Found", "vm_not_found")
DONE = answer(None, "204 No Content")
TOKEN = "abcdefghijklmnopqrstuvwxyz012345"


def pieces(*parts: bytes) -> Iterator[bytes]:
    for part in parts:
        yield part


# -- finding the VM


def test_a_failed_look_up_is_tried_again(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", "/api/vms", refusal("503 Service Unavailable", "vm_boot_failed"), answer({"id": VM_ID}))
    server.on("GET", f"{VM}/files/exists", answer({"exists": False}))
    with pytest.raises(Unavailable):
        agent.exists("/x")
    assert agent.exists("/x") is False


def test_a_destroyed_vm_is_made_anew(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", "/api/vms", answer({"id": VM_ID}), answer({"id": "second"}))
    server.on("PUT", f"{VM}/files", GONE)
    server.on("PUT", "/api/vms/second/files", DONE)
    agent.write_file("/x", b"content")
    assert [one.target.split("?")[0] for one in server.received] == [
        "/api/vms",
        f"{VM}/files",
        "/api/vms",
        "/api/vms/second/files",
    ]
    assert server.received[-1].body == b"content"


def test_a_stream_cannot_be_sent_twice(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", "/api/vms", answer({"id": VM_ID}), answer({"id": "second"}))
    server.on("PUT", f"{VM}/files", GONE)
    server.on("PUT", "/api/vms/second/files", DONE)
    with pytest.raises(NotFound):
        agent.write_file("/x", pieces(b"a"))
    agent.write_file("/x", pieces(b"b"))
    assert server.received[-1].body == b"b"


def test_a_new_vm_is_not_looked_for_for_ever(agent: SyncAgent, server: StubServer) -> None:
    server.on("GET", f"{VM}/files", GONE)
    with pytest.raises(NotFound) as caught:
        agent.read_file("/x")
    assert caught.value.code == "vm_not_found"
    assert len(server.to("GET", f"{VM}/files")) == 2


def test_destroy_and_use_again(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", "/api/vms", answer({"id": VM_ID}), answer({"id": "second"}))
    server.on("DELETE", VM, DONE)
    server.on("GET", "/api/vms/second/files", answer(b"new"))
    agent.destroy()
    assert agent.read_file("/x") == b"new"


def test_a_vm_that_is_gone_already_is_destroyed(agent: SyncAgent, server: StubServer) -> None:
    server.on("DELETE", VM, GONE)
    agent.destroy()
    assert len(server.received) == 2


def test_other_things_not_found_are_told(agent: SyncAgent, server: StubServer) -> None:
    server.on("GET", f"{VM}/files", refusal("404 Not Found", "file_not_found"))
    with pytest.raises(NotFound) as caught:
        agent.read_file("/x")
    assert caught.value.code == "file_not_found"
    assert len(server.received) == 2


# -- files


def test_files(agent: SyncAgent, server: StubServer) -> None:
    binary = bytes(range(256)) * 1000
    server.on("PUT", f"{VM}/files", DONE)
    server.on("GET", f"{VM}/files", answer(binary))
    server.on("DELETE", f"{VM}/files", DONE)
    agent.write_file("/home/user/server.js", "grüße")
    agent.write_file("a b&c#d", binary, mode=0o755)
    agent.write_file(b"/\xff", pieces(b"one", b"", b"two"))
    agent.write_file("/empty", b"")
    assert agent.read_file("/x") == binary
    agent.delete_file("/x")
    puts = server.to("PUT", f"{VM}/files")
    assert [put.target.partition("?")[2] for put in puts] == [
        "path=/home/user/server.js",
        "path=a%20b%26c%23d&mode=755",
        "path=/%FF",
        "path=/empty",
    ]
    assert [put.body for put in puts] == ["grüße".encode(), binary, b"onetwo", b""]
    assert puts[2].values("transfer-encoding") == ["chunked"]
    assert puts[3].values("content-length") == ["0"]


# -- processes


def test_exec(agent: SyncAgent, server: StubServer) -> None:
    server.on(
        "POST",
        f"{VM}/exec",
        ndjson(out("stdout", b"gr\xc3"), out("stderr", b"oh"), out("stdout", b"\xbc\xff"), end(3)),
    )
    result = agent.exec("ls", env={"A": "b"}, cwd="/tmp", stdin=b"\xff", timeout=5)
    assert (result.exit_code, result.signal, result.timed_out) == (3, None, False)
    assert (result.stdout_bytes, result.stderr_bytes) == (b"gr\xc3\xbc\xff", b"oh")
    assert result.stdout == "grü\ufffd"
    request = server.received[-1]
    assert request.values("accept") == ["application/x-ndjson"]
    assert request.json() == {
        "command": "ls",
        "env": {"A": "b"},
        "cwd": "/tmp",
        "stdin_base64": "/w==",
        "timeout": 5.0,
    }


def test_exec_ended_by_a_signal(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/exec", ndjson(end(None, 9, True)))
    result = agent.exec(["sleep", "9"], timeout=0.1)
    assert (result.exit_code, result.signal, result.timed_out) == (137, 9, True)


def test_exec_that_cannot_start(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/exec", refusal("400 Bad Request", "command_not_found"))
    with pytest.raises(InvalidRequest) as caught:
        agent.exec(["nonsense"])
    assert caught.value.code == "command_not_found"


def test_exec_that_fails_on_the_way(agent: SyncAgent, server: StubServer) -> None:
    error = {"error": {"code": "vm_stopped", "message": "m", "hint": "h"}}
    server.on("POST", f"{VM}/exec", ndjson(out("stdout", b"x"), error))
    with pytest.raises(HatchwayError) as caught:
        agent.exec("x")
    assert (caught.value.code, caught.value.hint) == ("vm_stopped", "h")


@pytest.mark.parametrize("body", [b"", json.dumps(out("stdout", b"x")).encode() + b"\n", b'{"exit_code"'])
def test_exec_whose_end_is_missing(agent: SyncAgent, server: StubServer, body: bytes) -> None:
    server.on("POST", f"{VM}/exec", answer(body))
    with pytest.raises(ConnectionFailed) as caught:
        agent.exec("x")
    assert caught.value.code == "connection_lost"


def test_exec_of_another_server(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/exec", DONE)
    with pytest.raises(HatchwayError) as caught:
        agent.exec("x")
    assert caught.value.code == "unexpected_answer"


# -- vm_fetch


def test_fetch(agent: SyncAgent, server: StubServer) -> None:
    server.on("GET", f"{VM}/ports/3000/", answer(b"Hello from VM", X_Powered_By="node"))
    response = agent.vm_fetch(3000, "/")
    assert (response.status, response.status_text) == (200, "OK")
    assert (response.body, response.text) == (b"Hello from VM", "Hello from VM")
    assert response.headers["x-powered-by"] == response.headers["X-Powered-By"] == "node"
    assert "accept-encoding" not in {name.lower() for name, _ in server.received[-1].headers}


def test_fetch_with_options(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/ports/3000/api/data", answer({"got": 1}, "201 Made By Hand"))
    response = agent.vm_fetch(
        3000,
        "http://elsewhere:80/api/data?x=%20y#part",
        method="post",
        headers={
            "Content-Type": "application/json",
            "Authorization": "Bearer app",
            "Cookie": "a=b",
            "Host": "evil",
        },
        body=json.dumps({"key": "value"}),
    )
    assert (response.status, response.status_text, response.json()) == (201, "Made By Hand", {"got": 1})
    request = server.received[-1]
    assert request.target == f"{VM}/ports/3000/api/data?x=%20y"
    assert request.body == b'{"key": "value"}'
    assert request.values("content-type") == ["application/json"]
    assert request.values("authorization") == ["Bearer app"]
    assert request.values("cookie") == ["a=b"]
    assert request.values("host") == [server.url.removeprefix("http://")]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND", "x-own"])
def test_fetch_by_any_method(agent: SyncAgent, server: StubServer, method: str) -> None:
    head_only = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    server.on(method, f"{VM}/ports/1/", head_only if method == "HEAD" else head_only + b"hello")
    response = agent.vm_fetch(1, method=method)
    assert response.body == (b"" if method == "HEAD" else b"hello")
    assert server.received[-1].method == method


def test_fetch_leaves_everything_as_it_came(agent: SyncAgent, server: StubServer) -> None:
    packed = gzip.compress(b"hello")
    server.on(
        "GET",
        f"{VM}/ports/1/",
        b"HTTP/1.1 200 \r\nSet-Cookie: a=1\r\nX-Raw: \xfc\r\nSet-Cookie: b=2\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(packed), packed),
    )
    response = agent.vm_fetch(1, headers=[("Accept-Encoding", "gzip"), ("X-A", "1"), ("X-A", "2")])
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers["content-encoding"] == "gzip"
    assert (b"X-Raw", b"\xfc") in response.headers.raw
    assert response.body == packed
    assert response.status_text == ""
    request = server.received[-1]
    assert request.values("accept-encoding") == ["gzip"]
    assert request.values("x-a") == ["1", "2"]
    # The cookie is not kept for the next call.
    agent.vm_fetch(1)
    assert server.received[-1].values("cookie") == []


@pytest.mark.parametrize("location", ["/elsewhere", "http://127.0.0.1:1/", "http://[::bad/", "\xff"])
def test_fetch_follows_no_redirect(agent: SyncAgent, server: StubServer, location: str) -> None:
    raw = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    server.on("GET", f"{VM}/ports/1/", raw)
    response = agent.vm_fetch(1)
    assert response.status == 302
    assert (b"Location", location.encode("latin-1")) in response.headers.raw
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "403 Forbidden", "404 Not Found", "500 Oops", "502 Bad"]
)
def test_an_error_of_the_service_is_an_answer(agent: SyncAgent, server: StubServer, status: str) -> None:
    server.on("GET", f"{VM}/ports/1/", refusal(status, "vm_not_found"))
    response = agent.vm_fetch(1)
    assert f"{response.status} {response.status_text}" == status
    assert response.json()["code"] == "vm_not_found"


def test_an_error_of_the_gateway_is_raised(agent: SyncAgent, server: StubServer) -> None:
    raw = refusal("502 Bad Gateway", "port_closed", "listen on port 1", Hatchway_Error="port_closed")
    server.on("GET", f"{VM}/ports/1/", raw)
    with pytest.raises(Unavailable) as caught:
        agent.vm_fetch(1)
    assert (caught.value.code, caught.value.hint, caught.value.status) == (
        "port_closed",
        "listen on port 1",
        502,
    )
    server.on("HEAD", f"{VM}/ports/1/", b"HTTP/1.1 502 Bad Gateway\r\nHatchway-Error: port_closed\r\n\r\n")
    with pytest.raises(Unavailable) as caught:
        agent.vm_fetch(1, method="HEAD")
    assert caught.value.code == "port_closed"


def test_what_the_gateway_says_besides_is_raised_with_it(agent: SyncAgent, server: StubServer) -> None:
    problem = {
        "code": "process_exited",
        "message": "the process that was to serve port 1 exited with code 3",
        "hint": "look at its output",
        "retry_after": 5,
        "details": {"exit_code": 3, "stderr": "Error: no such module\n", "pid": 7},
    }
    raw = answer(problem, "502 Bad Gateway", Hatchway_Error="process_exited", Retry_After="5")
    server.on("GET", f"{VM}/ports/1/", raw)
    with pytest.raises(Unavailable) as caught:
        agent.vm_fetch(1)
    assert (caught.value.code, caught.value.retry_after) == ("process_exited", 5)
    assert caught.value.details == problem["details"]
    head = b"HTTP/1.1 502 Bad Gateway\r\nHatchway-Error: port_closed\r\nRetry-After: 2\r\n\r\n"
    server.on("HEAD", f"{VM}/ports/1/", head)
    with pytest.raises(Unavailable) as caught:
        agent.vm_fetch(1, method="HEAD")
    assert (caught.value.retry_after, caught.value.details) == (2, None)


def test_what_the_api_says_besides_is_raised_with_it(agent: SyncAgent, server: StubServer) -> None:
    problem = {"code": "vm_failed", "message": "m", "hint": "", "details": {"step": "mount"}}
    server.on("GET", f"{VM}/processes", answer(problem, "503 Service Unavailable", Retry_After="3"))
    with pytest.raises(Unavailable) as caught:
        agent.list_processes()
    assert (caught.value.retry_after, caught.value.details) == (3, {"step": "mount"})


def test_a_service_may_answer_as_if_it_were_the_gateway(agent: SyncAgent, server: StubServer) -> None:
    problem = {"code": "process_exited", "message": "m", "hint": "", "details": {"a": 1}}
    server.on("GET", f"{VM}/ports/1/", answer(problem, "502 Bad Gateway", Retry_After="3"))
    assert (agent.vm_fetch(1)).json() == problem


def test_fetch_finds_a_destroyed_vm_anew(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", "/api/vms", answer({"id": VM_ID}), answer({"id": "second"}))
    server.on(
        "GET", f"{VM}/ports/1/", refusal("404 Not Found", "vm_not_found", Hatchway_Error="vm_not_found")
    )
    server.on("GET", "/api/vms/second/ports/1/", answer(b"new"))
    assert (agent.vm_fetch(1)).body == b"new"


def test_fetch_streams_a_body(agent: SyncAgent, server: StubServer) -> None:
    server.on("PUT", f"{VM}/ports/1/", answer(b""))
    agent.vm_fetch(1, method="PUT", body=pieces(b"one", b"", b"two"))
    assert server.received[-1].values("transfer-encoding") == ["chunked"]
    assert server.received[-1].body == b"onetwo"
    agent.vm_fetch(1, method="PUT", headers={"Content-Length": "6"}, body=pieces(b"one", b"two"))
    assert server.received[-1].values("content-length") == ["6"]
    assert server.received[-1].body == b"onetwo"


def test_a_streamed_body_of_another_length(agent: SyncAgent, server: StubServer) -> None:
    server.on("PUT", f"{VM}/ports/1/", answer(b""))
    for length in ("2", "4"):
        with pytest.raises(InvalidRequest) as caught:
            agent.vm_fetch(1, method="PUT", headers={"Content-Length": length}, body=pieces(b"one"))
        assert caught.value.code == "invalid_body"
    two = [("Content-Length", "3"), ("content-length", "3")]
    for headers in ({"Content-Length": "x"}, {"Content-Length": "-1"}, two):
        with pytest.raises(InvalidRequest) as caught:
            agent.vm_fetch(1, method="PUT", headers=headers, body=pieces(b"one"))
        assert caught.value.code == "invalid_header"


def test_fetch_has_a_timeout_of_its_own(agent: SyncAgent, server: StubServer) -> None:
    server.on("GET", f"{VM}/ports/3000/", never)
    with pytest.raises(ConnectionFailed) as caught:
        agent.vm_fetch(3000, timeout=0.05)
    assert caught.value.code == "timeout"
    assert "port 3000" in caught.value.message


@pytest.mark.parametrize("port", ["3000", True, None, 3.0, "1/../../x"])
def test_a_port_must_be_a_number(agent: SyncAgent, server: StubServer, port: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        agent.vm_fetch(port)
    assert caught.value.code == "invalid_port"
    assert server.received == []


def test_no_line_break_gets_into_a_head(agent: SyncAgent, server: StubServer) -> None:
    server.on("GET", f"{VM}/ports/1/x%0D%0AX-Evil:%20y", answer(b"one path"))
    assert (agent.vm_fetch(1, "/x\r\nX-Evil: y")).body == b"one path"
    for bad in ({"X-A": "b\r\nX-Evil: y"}, {"X-A\r\nX-Evil": "y"}):
        with pytest.raises(InvalidRequest):
            agent.vm_fetch(1, headers=bad)
    assert len(server.received) == 2


def test_errors_hold_no_preview_token(agent: SyncAgent, server: StubServer) -> None:
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"nonsense\r\n\r\n",
        refusal("500 Oops", "x"),
    ]
    for raw in answers:
        server.on("POST", f"{VM}/previews/expire", raw)
        with pytest.raises(HatchwayError) as caught:
            agent.expire_signed_preview_url(TOKEN)
        assert TOKEN not in f"{caught.value!r} {caught.value}"
