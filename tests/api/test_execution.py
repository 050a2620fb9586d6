from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from hatchway.api import execution
from hatchway.errors import HatchwayError
from hatchway.vm.records import ExecRequest, Exit, Output, Started

LINES = {"Accept": "application/x-ndjson"}


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_one_answer(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    services.script = [
        Output("stdout", b"h\xc3"),
        Output("stderr", b"\xff"),
        Output("stdout", b"\xa9"),
        Exit(3, None),
    ]
    answer = await client.post(f"{vm}/exec", json={"command": "echo"})
    assert answer.json() == {
        "exit_code": 3,
        "signal": None,
        "timed_out": False,
        "stdout": "hé",
        "stderr": "\ufffd",
        "truncated": False,
    }
    assert services.left.is_set()


async def test_as_lines(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    services.script = [Output("stdout", b"\0\xff"), Output("stderr", b"no"), Exit(None, 9, timed_out=True)]
    answer = await client.post(f"{vm}/exec", json={"command": "echo"}, headers=LINES)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "content-length" not in answer.headers
    assert lines(answer) == [
        {"stream": "stdout", "data": base64.b64encode(b"\0\xff").decode()},
        {"stream": "stderr", "data": base64.b64encode(b"no").decode()},
        {"exit_code": None, "signal": 9, "timed_out": True},
    ]


async def test_lines_come_as_they_happen(services: Any, vm: str, raw_call: Any) -> None:
    gate = asyncio.Event()
    services.script = [Output("stdout", b"now"), gate, Exit(0, None)]
    call = raw_call("POST", f"{vm}/exec", {"Content-Type": "application/json", **LINES})
    call.body(b'{"command":"x"}')
    await call.sent_something.wait()
    assert b"bm93" in call.sent[1]["body"]
    assert not call.task.done()
    gate.set()
    await call.task
    assert b"exit_code" in call.sent[2]["body"]
    assert call.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


@pytest.mark.parametrize("headers", [LINES, {}])
async def test_a_client_that_goes_away_ends_the_command(
    services: Any, vm: str, raw_call: Any, headers: dict[str, str]
) -> None:
    services.script = [asyncio.Event()]
    call = raw_call("POST", f"{vm}/exec", {"Content-Type": "application/json", **headers})
    call.body(b'{"command":"sleep 1000"}')
    await services.running.wait()
    assert not services.left.is_set()
    call.disconnect()
    await call.task
    assert services.left.is_set()
    assert all(message.get("more_body", True) for message in call.sent)


@pytest.mark.parametrize("headers", [LINES, {}])
async def test_a_server_that_stops_ends_the_command(
    services: Any, vm: str, raw_call: Any, headers: dict[str, str]
) -> None:
    services.script = [asyncio.Event()]
    call = raw_call("POST", f"{vm}/exec", {"Content-Type": "application/json", **headers})
    call.body(b'{"command":"sleep 1000"}')
    await services.running.wait()
    call.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.task
    assert services.left.is_set()


@pytest.mark.parametrize("headers", [LINES, {}])
async def test_before_it_runs_a_refusal_has_its_status(
    client: httpx.AsyncClient,
    services: Any,
    vm: str,
    refused: Any,
    broken: Exception,
    headers: dict[str, str],
) -> None:
    services.refusal = broken
    refused(await client.post(f"{vm}/exec", json={"command": "x"}, headers=headers), 503, "vm_boot_failed")
    services.refusal = RuntimeError("a secret")
    answer = await client.post(f"{vm}/exec", json={"command": "x"}, headers=headers)
    refused(answer, 500, "internal_error")


@pytest.mark.parametrize(
    ("failure", "code", "status"),
    [
        (HatchwayError("exec_lost", "the VM stopped", "again", status=502), "exec_lost", 502),
        (RuntimeError("a secret"), "internal_error", 500),
        (None, "exec_lost", 502),
    ],
)
async def test_once_it_runs_an_error_is_the_last_line(
    client: httpx.AsyncClient,
    services: Any,
    vm: str,
    refused: Any,
    caplog: pytest.LogCaptureFixture,
    failure: Exception | None,
    code: str,
    status: int,
) -> None:
    services.script = [Output("stdout", b"x"), *([] if failure is None else [failure])]
    answer = await client.post(f"{vm}/exec", json={"command": "x"}, headers=LINES)
    first, last = lines(answer)
    assert first["stream"] == "stdout"
    assert set(last) == {"error"}
    assert last["error"]["code"] == code
    services.running.clear()
    answer = await client.post(f"{vm}/exec", json={"command": "x"})
    refused(answer, status, code)
    assert "secret" not in answer.text + caplog.text


async def test_one_answer_holds_so_much_and_says_so(
    client: httpx.AsyncClient, services: Any, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "MAX_OUTPUT_BYTES", 10)
    services.script = [Output("stdout", b"0123456789"), Exit(0, None)]
    answer = (await client.post(f"{vm}/exec", json={"command": "x"})).json()
    assert (answer["stdout"], answer["truncated"]) == ("0123456789", False)
    services.script = [
        Output("stdout", b"01234567"),
        Output("stdout", b"89ab"),
        Output("stderr", b"e"),
        Exit(0, None),
    ]
    answer = (await client.post(f"{vm}/exec", json={"command": "x"})).json()
    assert (answer["stdout"], answer["stderr"], answer["truncated"]) == ("0123456789", "e", True)
    streamed = await client.post(f"{vm}/exec", json={"command": "x"}, headers=LINES)
    assert len(lines(streamed)) == 4


async def test_what_is_asked_for_arrives(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    await client.post(
        f"{vm}/exec",
        json={"command": ["a", "b c"], "env": {"K": "v=w"}, "cwd": "sub", "stdin": "hé", "timeout": 2.5},
    )
    await client.post(f"{vm}/exec", json={"command": "a | b", "stdin_base64": "AP8="})
    assert services.executed == [
        ExecRequest(["a", "b c"], {"K": "v=w"}, "/home/user/sub", "hé".encode(), 2.5),
        ExecRequest("a | b", {}, None, b"\x00\xff", None),
    ]


async def test_input_that_stays_open_is_told_by_the_first_line(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any
) -> None:
    services.script = [Started(7), Output("stdout", b"x"), Exit(0, None)]
    body = {"command": "cat", "stdin_open": True}
    answer = await client.post(f"{vm}/exec", json=body, headers=LINES)
    assert lines(answer)[0] == {"pid": 7}
    assert services.executed == [ExecRequest("cat", stdin_open=True)]
    # Who gets its answer in one piece would be told the pid too late.
    refused(await client.post(f"{vm}/exec", json=body), 400, "invalid_stdin")
    assert len(services.executed) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "invalid_request"),
        ({"command": ""}, "invalid_command"),
        ({"command": []}, "invalid_command"),
        ({"command": [""]}, "invalid_command"),
        ({"command": [1]}, "invalid_request"),
        ({"command": "a\0b"}, "invalid_command"),
        ({"command": ["a", "\0"]}, "invalid_command"),
        ({"command": "x", "env": {"": "v"}}, "invalid_environment"),
        ({"command": "x", "env": {"a=b": "v"}}, "invalid_environment"),
        ({"command": "x", "env": {"a\0": "v"}}, "invalid_environment"),
        ({"command": "x", "env": {"a": "v\0"}}, "invalid_environment"),
        ({"command": "x", "env": {"a": 1}}, "invalid_request"),
        ({"command": "x", "cwd": ""}, "invalid_path"),
        ({"command": "x", "cwd": "../.."}, "invalid_path"),
        ({"command": "x", "stdin": "a", "stdin_base64": "YQ=="}, "invalid_stdin"),
        ({"command": "x", "stdin_base64": "a"}, "invalid_stdin"),
        ({"command": "x", "stdin_base64": "YQ==\n"}, "invalid_stdin"),
        ({"command": "x", "stdin_base64": "é"}, "invalid_stdin"),
        ({"command": "x", "stdin_open": True, "stdin": ""}, "invalid_stdin"),
        ({"command": "x", "stdin_open": True, "stdin_base64": "YQ=="}, "invalid_stdin"),
        ({"command": "x", "stdin_open": 1}, "invalid_request"),
        ({"command": "x", "timeout": 0}, "invalid_request"),
        ({"command": "x", "timeout": -1}, "invalid_request"),
        ({"command": "x", "timeout": 1e9}, "invalid_request"),
        ({"command": "x", "timeout": "1"}, "invalid_request"),
        ({"command": "x", "shell": True}, "invalid_request"),
    ],
)
async def test_refusals(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, fields: dict[str, Any], code: str
) -> None:
    refused(await client.post(f"{vm}/exec", json=fields), 400, code)
    assert services.executed == []


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/x-ndjson", True),
        ("Application/X-NDJSON", True),
        ("application/json, application/x-ndjson;q=0.5", True),
        ("application/x-ndjson; charset=utf-8", True),
        ("application/x-ndjson;q=0", False),
        ("application/x-ndjson; Q=0.000", False),
        ("application/json", False),
        ("*/*", False),
        ("", False),
        (",;,", False),
        ("x-application/x-ndjson", False),
    ],
)
def test_what_accept_asks_for(accept: str, wanted: bool) -> None:
    assert execution.wants_lines(accept) is wanted
