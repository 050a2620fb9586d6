# Written by tools/generate-sync-client from tests/e2e/aio/test_services.py.
"""HTTP and WebSocket to services in a VM, by `agent.http`, `agent.websocket` and `vm_fetch`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from hatchway import ConnectionFailed, HatchwayError, InvalidRequest, SyncAgent, Unavailable

pytestmark = pytest.mark.sandbox

PIECE = b"0123456789abcdef" * 4096


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield PIECE


def test_httpx_reaches_a_port(zoo: SyncAgent) -> None:
    with zoo.http(3000) as http:
        answer = http.get("/")
        assert (answer.status_code, answer.text) == (200, "zoo")
        answer = http.post("/echo?a=b%20c&d", json={"key": "value"}, headers={"X-Own": "x"})
    said = answer.json()
    assert (said["method"], said["url"]) == ("POST", "/echo?a=b%20c&d")
    assert json.loads(base64.b64decode(said["body"])) == {"key": "value"}
    pairs = dict(zip(map(str.lower, said["rawHeaders"][::2]), said["rawHeaders"][1::2], strict=True))
    assert (pairs["host"], pairs["x-own"]) == ("localhost:3000", "x")
    assert not [name for name in pairs if "hatchway" in name]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_httpx_sends_any_method(zoo: SyncAgent, method: str) -> None:
    with zoo.http(3000) as http:
        answer = http.request(method, "/echo")
        assert answer.status_code == 200
        if method != "HEAD":
            assert answer.json()["method"] == method


def test_httpx_keeps_cookies(zoo: SyncAgent) -> None:
    with zoo.http(3000) as http:
        answer = http.get("/cookies")
        assert len(answer.headers.get_list("set-cookie")) == 3
        said = (http.get("/echo")).json()["rawHeaders"]
        assert (
            said[said.index("Cookie") + 1 if "Cookie" in said else said.index("cookie") + 1]
            == "a=1; b=2; c=3"
        )


def test_httpx_decodes_what_it_asked_for(zoo: SyncAgent) -> None:
    with zoo.http(3000) as http:
        assert (http.get("/gzip")).text == "compressed by the service"


def test_httpx_streams_up_and_down(zoo: SyncAgent) -> None:
    with zoo.http(3000) as http:
        answer = http.post("/hash", content=pieces(100))
        assert answer.json()["bytes"] == 100 * len(PIECE)
        received = 0
        with http.stream("GET", "/bytes?n=20000000") as answer:
            for piece in answer.iter_bytes():
                received += len(piece)
        assert received == 20_000_000


def test_an_event_is_there_before_the_stream_ends(zoo: SyncAgent) -> None:
    with zoo.http(3000) as http, http.stream("GET", "/events") as answer:
        for piece in answer.iter_raw():
            assert piece == b"data: first\n\n"
            break


def test_redirects_are_followed_within_the_vm_only(zoo: SyncAgent) -> None:
    with zoo.http(3000) as http:
        assert (http.get("/redirect?to=/")).status_code == 302
    with zoo.http(3000, follow_redirects=True) as http:
        assert (http.get("/redirect?to=/")).text == "zoo"
        assert (http.get("/redirect?to=http://localhost:3000/")).text == "zoo"
        for elsewhere in ("http://example.org/", "http://10.0.0.1/", "//metadata/"):
            with pytest.raises(InvalidRequest) as caught:
                http.get("/redirect", params={"to": elsewhere})
            assert caught.value.code == "not_in_vm"


def test_httpx_is_told_what_hatchway_refuses(zoo: SyncAgent) -> None:
    with zoo.http(9) as http:
        with pytest.raises(Unavailable) as caught:
            http.get("/")
    assert caught.value.code == "port_closed"
    with zoo.http(70000) as http:
        with pytest.raises(HatchwayError) as refused:
            http.get("/")
    assert refused.value.code == "invalid_port"


def test_an_error_of_the_service_is_an_answer(zoo: SyncAgent) -> None:
    with zoo.http(3000) as http:
        answer = http.get("/status?code=503&reason=Busy")
        assert (answer.status_code, answer.reason_phrase) == (503, "Busy")
    assert (zoo.vm_fetch(3000, "/status?code=404&reason=Gone")).status == 404


def test_a_time_limit_of_a_fetch(zoo: SyncAgent) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        zoo.vm_fetch(3000, "/events", timeout=0.2)
    assert caught.value.code == "timeout"
    assert "0.2 s" in caught.value.message


def test_a_websocket(zoo: SyncAgent) -> None:
    with zoo.websocket(3000, "/socket?room=1", headers={"X-Own": "x"}) as socket:
        socket.send("hello")
        assert socket.recv() == "hello"
        socket.send(PIECE * 20)
        assert socket.recv() == PIECE * 20
        socket.send("headers")
        said = json.loads(socket.recv())
    pairs = dict(zip(map(str.lower, said[::2]), said[1::2], strict=True))
    assert (pairs["host"], pairs["x-own"]) == ("localhost:3000", "x")
    assert not [name for name in pairs if "hatchway" in name]


def test_a_websocket_that_is_closed_by_hand(zoo: SyncAgent) -> None:
    socket = zoo.websocket(3000)
    socket.send(b"\x00\xff")
    assert socket.recv() == b"\x00\xff"
    socket.close()


def test_a_websocket_to_a_closed_port(zoo: SyncAgent) -> None:
    with pytest.raises(Unavailable) as caught:
        zoo.websocket(9)
    assert caught.value.code == "port_closed"


def test_what_answers_without_a_websocket(agent: SyncAgent) -> None:
    script = """
    require("http").createServer().on("upgrade", (request, socket) => {
      const answers = {
        "/no": "404 Not Found\\r\\nContent-Length: 0",
        "/moved": "302 Found\\r\\nLocation: /yes\\r\\nContent-Length: 0",
        "/plain": "200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi",
      };
      socket.end(`HTTP/1.1 ${answers[request.url]}\\r\\n\\r\\n`);
    }).listen(3000);
    """
    agent.spawn("node", ["-e", script])
    for path, said in (("/no", "404 Not Found"), ("/moved", "302 Found"), ("/plain", "200 OK")):
        with pytest.raises(HatchwayError) as caught:
            agent.websocket(3000, path)
        assert caught.value.code == "websocket_refused"
        assert said in caught.value.message
