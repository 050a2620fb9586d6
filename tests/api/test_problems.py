"""Refusals that say more than what happened: when to try again, and details."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from hatchway.api.problems import answer_problem
from hatchway.errors import HatchwayError, JsonValue, Unavailable
from hatchway.vm.records import Output

DETAILS: dict[str, JsonValue] = {
    "exit_code": 3,
    "load": 0.5,
    "last": True,
    "signal": None,
    "stderr": "Error: no such module \u2028\x1b[31m",
    "arguments": ["node", "server.js"],
}


@pytest.fixture
def exited() -> HatchwayError:
    return Unavailable(
        "vm_stopped", "the process exited", "start it again", status=503, retry_after=2, details=DETAILS
    )


async def test_a_refusal_says_when_to_try_again_and_more(
    client: httpx.AsyncClient, services: Any, vm: str, exited: HatchwayError
) -> None:
    services.refusal = exited
    answer = await client.get(f"{vm}/processes")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json() == {
        "code": "vm_stopped",
        "message": "the process exited",
        "hint": "start it again",
        "retry_after": 2,
        "details": DETAILS,
    }
    head = await client.head(f"{vm}/processes")
    assert (head.status_code, head.headers["retry-after"], head.content) == (503, "2", b"")


async def test_what_is_not_said_is_not_there(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any
) -> None:
    services.refusal = HatchwayError("vm_failed", "it failed", status=503)
    answer = await client.get(f"{vm}/processes")
    refused(answer, 503, "vm_failed")
    assert "retry-after" not in answer.headers


async def test_try_again_at_once_is_said_too(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    services.refusal = HatchwayError("vm_failed", "it failed", status=503, retry_after=0, details={})
    answer = await client.get(f"{vm}/processes")
    assert (answer.headers["retry-after"], answer.json()["retry_after"]) == ("0", 0)
    assert answer.json()["details"] == {}


async def test_a_command_that_failed_says_as_much_in_its_last_line(
    client: httpx.AsyncClient, services: Any, vm: str, exited: HatchwayError
) -> None:
    services.script = [Output("stdout", b"x"), exited]
    lines = {"Accept": "application/x-ndjson"}
    answer = await client.post(f"{vm}/exec", json={"command": "x"}, headers=lines)
    last = json.loads(answer.content.split(b"\n")[-2])
    assert (last["error"]["retry_after"], last["error"]["details"]) == (2, DETAILS)


def test_names_that_are_no_unicode_are_no_reason_to_fail() -> None:
    error = HatchwayError("a", "\udcffm", "\udcffh", details={"one": "\udcff1", "many": ["\udcff2"]})
    assert json.loads(bytes(answer_problem(error).body)) == {
        "code": "a",
        "message": "?m",
        "hint": "?h",
        "details": {"one": "?1", "many": ["?2"]},
    }
