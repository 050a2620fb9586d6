"""Standard input and output of spawned processes over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from hatchway.api.streamed_body import READ_AHEAD_BYTES
from hatchway.errors import Conflict, Unavailable
from hatchway.vm.records import DroppedOutput, KeptOutput, OutputEnd


@pytest.fixture
async def process(client: httpx.AsyncClient, vm: str) -> str:
    """The address of a process."""
    answer = await client.post(f"{vm}/processes", json={"command": "cat"})
    return f"{vm}/processes/{answer.json()['pid']}"


def _lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers
    return [json.loads(line) for line in answer.text.splitlines()]


# -- standard input


async def test_standard_input(client: httpx.AsyncClient, services: Any, process: str) -> None:
    written = await client.post(f"{process}/stdin", content=b"\0\xff" * 500)
    assert (written.status_code, written.json()) == (200, {"written": 1000})
    assert services.stdin == b"\0\xff" * 500
    assert (await client.post(f"{process}/stdin", content=b"")).json() == {"written": 1000}
    for _ in range(2):
        assert (await client.post(f"{process}/stdin/close")).status_code == 204
    assert services.closed_stdin == [2, 2]


async def test_standard_input_is_passed_on_as_it_comes(services: Any, process: str, raw_call: Any) -> None:
    call = raw_call("POST", f"{process}/stdin")
    for part in (b"one ", b"", b"two "):
        call.body(part, more=True)
    while services.stdin != b"one two ":  # noqa: ASYNC110 - the list of what came is all there is to see
        await asyncio.sleep(0)
    assert not call.task.done()
    call.body(b"three")
    await call.task
    assert services.stdin == b"one two three"
    assert json.loads(call.sent[1]["body"]) == {"written": 13}


async def test_a_process_that_does_not_read_holds_its_writer_up(
    services: Any, process: str, raw_call: Any
) -> None:
    services.reads.clear()
    call = raw_call("POST", f"{process}/stdin")
    piece = bytes(64 * 1024)
    pieces = 2 * READ_AHEAD_BYTES // len(piece)
    for _ in range(pieces):
        call.body(piece, more=True)
    await services.running.wait()
    before = -1
    while call.received.qsize() != before:  # until no more is read ahead
        before = call.received.qsize()
        await asyncio.sleep(0)
    assert READ_AHEAD_BYTES <= (pieces - before) * len(piece) <= READ_AHEAD_BYTES + 2 * len(piece)
    services.reads.set()
    call.body(b"")
    await call.task
    assert len(services.stdin) == pieces * len(piece)


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize("more", [True, False])
async def test_a_writer_that_goes_away_writes_no_more(
    services: Any, process: str, raw_call: Any, reads: bool, more: bool
) -> None:
    if not reads:
        services.reads.clear()
    elif not more:
        return  # it has written all there was
    call = raw_call("POST", f"{process}/stdin")
    call.body(b"begun", more=more)
    await services.running.wait()
    call.disconnect()
    await call.task
    assert services.left.is_set()
    assert services.stdin == (b"begun" if reads else b"")
    assert call.sent == []


async def test_a_refused_write(client: httpx.AsyncClient, services: Any, process: str) -> None:
    services.refusal = Conflict("process_ended", "the process has ended", details={"written": 3})
    answer = await client.post(f"{process}/stdin", content=b"x" * 100_000)
    assert (answer.status_code, answer.json()["details"]) == (409, {"written": 3})


# -- output


async def test_output_as_lines(client: httpx.AsyncClient, services: Any, process: str) -> None:
    services.output_script = [
        DroppedOutput(5, 5),
        KeptOutput("stdout", 5, b"\0\xff"),
        KeptOutput("stderr", 7, b"no"),
        OutputEnd(9, "exited", None, 9),
    ]
    assert _lines(await client.get(f"{process}/output")) == [
        {"dropped_bytes": 5, "offset": 5},
        {"stream": "stdout", "offset": 5, "data": base64.b64encode(b"\0\xff").decode()},
        {"stream": "stderr", "offset": 7, "data": base64.b64encode(b"no").decode()},
        {"next_offset": 9, "state": "exited", "exit_code": None, "signal": 9},
    ]
    assert services.left.is_set()
    for query in ("offset=7", "offset=007&follow=true", "follow=false"):
        await client.get(f"{process}/output?{query}")
    assert services.output_asked == [(2, 0, False), (2, 7, False), (2, 7, True), (2, 0, False)]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("offset=-1", "invalid_offset"),
        ("offset=", "invalid_offset"),
        ("offset=1.0", "invalid_offset"),
        ("offset=%D9%A2", "invalid_offset"),
        ("offset=" + "9" * 30, "invalid_offset"),
        ("follow=1", "invalid_query"),
        ("follow", "invalid_query"),
        ("follow=true&follow=true", "invalid_query"),
        ("from=0", "invalid_query"),
    ],
)
async def test_wrong_queries(
    client: httpx.AsyncClient, services: Any, process: str, refused: Any, query: str, code: str
) -> None:
    refused(await client.get(f"{process}/output?{query}"), 400, code)
    assert services.output_asked == []


async def test_output_is_sent_as_it_happens_until_the_follower_goes(
    services: Any, process: str, raw_call: Any
) -> None:
    services.output_script = [KeptOutput("stdout", 0, b"now"), asyncio.Event()]
    call = raw_call("GET", f"{process}/output?follow=true")
    await call.sent_something.wait()
    assert b"bm93" in call.sent[1]["body"]
    assert not call.task.done()
    call.disconnect()
    await call.task
    assert services.left.is_set()
    assert all(message.get("more_body", True) for message in call.sent)


async def test_a_head_does_not_wait(client: httpx.AsyncClient, services: Any, process: str) -> None:
    services.output_script = [asyncio.Event()]
    answer = await client.head(f"{process}/output?follow=true")
    assert (answer.status_code, answer.content) == (200, b"")
    assert services.left.is_set()


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Unavailable("vm_stopped", "the VM has stopped"), "vm_stopped"),
        (RuntimeError("a secret"), "internal_error"),
        (None, "output_lost"),
    ],
)
async def test_what_goes_wrong_on_the_way_is_the_last_line(
    client: httpx.AsyncClient, services: Any, process: str, failure: BaseException | None, code: str
) -> None:
    services.output_script = [KeptOutput("stdout", 0, b"x"), *([failure] if failure else [])]
    answer = await client.get(f"{process}/output?follow=true")
    assert [line.get("error", {}).get("code") for line in _lines(answer)] == [None, code]
    assert "secret" not in answer.text
    services.refusal = failure or RuntimeError("a secret")
    refused = await client.get(f"{process}/output?follow=true")
    assert refused.status_code == (503 if code == "vm_stopped" else 500)
