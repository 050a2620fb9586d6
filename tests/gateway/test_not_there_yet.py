"""A service that is not there yet, or not any more: what each kind of client is told."""

from __future__ import annotations

import base64
import json

import pytest

from gateway.conftest import Rig, until
from gateway.zoo import answers, ok
from hatchway.errors import Unavailable

PAGE = "Accept: text/html"
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: " + base64.b64encode(b"0123456789abcdef").decode(),
)
API = "Hatchway-Token: secret-api-token"


def refuse(rig: Rig, *, retry_after: int | None) -> None:
    """Makes the backend refuse every dial."""

    async def dial(upstream: object) -> object:
        raise Unavailable(
            "process_exited" if retry_after is None else "port_closed",
            "the process that was to serve port 3000 exited with code 3",
            "look at its output",
            status=502,
            retry_after=retry_after,
            details={"stderr": "SECRET of <the> guest", "exit_code": 3},
        )

    rig.backend.dial = dial  # type: ignore[method-assign, assignment]


async def test_a_person_gets_a_page_that_tries_again(rig: Rig) -> None:
    await rig.upstream(answers(ok()))
    refuse(rig, retry_after=2)
    head, body = await rig.ask(rig.request("GET / HTTP/1.1", PAGE))
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"\r\nRetry-After: 2\r\n" in head
    assert b'<meta http-equiv="refresh" content="2">' in body
    assert b'role="status"' in body
    assert b"SECRET" not in body


async def test_a_page_does_not_repeat_what_was_sent(rig: Rig) -> None:
    await rig.upstream(answers(ok()))
    refuse(rig, retry_after=2)
    _, body = await rig.ask(rig.request("POST / HTTP/1.1", PAGE, "Content-Length: 0"))
    assert b"refresh" not in body


async def test_a_page_says_when_waiting_is_of_no_use(rig: Rig) -> None:
    await rig.upstream(answers(ok()))
    refuse(rig, retry_after=None)
    head, body = await rig.ask(rig.request("GET / HTTP/1.1", PAGE))
    assert b"exited with code 3" in body
    assert b"refresh" not in body
    assert b"Retry-After" not in head
    assert b"Try again</a>" in body


async def test_a_program_gets_json_without_the_guests_words(rig: Rig) -> None:
    await rig.upstream(answers(ok()))
    refuse(rig, retry_after=2)
    head, body = await rig.ask(rig.request())
    assert b"\r\nRetry-After: 2\r\n" in head
    assert json.loads(body) == {
        "code": "port_closed",
        "message": "the process that was to serve port 3000 exited with code 3",
        "hint": "look at its output",
        "retry_after": 2,
    }


async def test_a_caller_of_the_api_gets_the_details_too(rig: Rig) -> None:
    await rig.upstream(answers(ok()))
    refuse(rig, retry_after=None)
    line = "GET /api/vms/vm1/ports/3000/ HTTP/1.1"
    _, body = await rig.ask(rig.request(line, API, host="localhost"))
    assert json.loads(body)["details"] == {"stderr": "SECRET of <the> guest", "exit_code": 3}
    head, body = await rig.ask(rig.request(line, host="localhost"))
    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"SECRET" not in body


@pytest.mark.parametrize(("retry_after", "code"), [(2, 1013), (None, 1014)])
async def test_a_websocket_is_told_by_a_close_code(rig: Rig, retry_after: int | None, code: int) -> None:
    await rig.upstream(answers(ok()))
    refuse(rig, retry_after=retry_after)
    client = await rig.client()
    client.send(rig.request("GET / HTTP/1.1", *HANDSHAKE))
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: BACScCJPNqyz+UBoqMH89VmURoA=\r\n" in head
    frame = await client.rest()
    assert frame[:2] == bytes((0x88, len(frame) - 2))
    assert int.from_bytes(frame[2:4], "big") == code
    assert b"exited with code 3" in frame
    client.send(b"\x88\x80\0\0\0\0")
    client.close()
    await until(lambda: not rig.gateway.connections)


async def test_who_calls_by_the_api_gets_an_answer_to_its_handshake(rig: Rig) -> None:
    await rig.upstream(answers(ok()))
    refuse(rig, retry_after=2)
    line = "GET /api/vms/vm1/ports/3000/ HTTP/1.1"
    head, _ = await rig.ask(rig.request(line, API, *HANDSHAKE, host="localhost"))
    assert head.startswith(b"HTTP/1.1 502 ")


async def test_a_refused_token_is_no_reason_to_accept_a_handshake(rig: Rig) -> None:
    head, _ = await rig.ask(rig.request("GET / HTTP/1.1", *HANDSHAKE))
    assert head.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "broken",
    [
        ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
        (*HANDSHAKE[:2], "Sec-WebSocket-Version: 8", HANDSHAKE[3]),
        (*HANDSHAKE[:3], "Sec-WebSocket-Key: short"),
        ("Connection: Upgrade", "Upgrade: other"),
    ],
)
async def test_what_is_no_websocket_handshake_gets_an_answer(rig: Rig, broken: tuple[str, ...]) -> None:
    await rig.upstream(answers(ok()))
    refuse(rig, retry_after=2)
    head, _ = await rig.ask(rig.request("GET / HTTP/1.1", *broken))
    assert head.startswith(b"HTTP/1.1 502 ")
