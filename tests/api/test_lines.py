"""Answers made of lines; over HTTP in test_execution.py and test_process_io.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.lines import LinesAnswer
from hatchway.api.schemas import Answer
from hatchway.errors import HatchwayError, NotFound

LOST = HatchwayError("lost", "the end was lost")


class Line(Answer, frozen=True):
    text: str


class Source:
    """Gives texts; the last kind of event is an int. Raises what it is told to raise, on entering or on the way."""

    def __init__(self, *events: str | int | Exception, refusal: Exception | None = None) -> None:
        self._events, self._refusal = events, refusal
        self.left = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[str | int]]:
        if self._refusal is not None:
            raise self._refusal
        try:
            yield self._play()
        finally:
            self.left = True

    async def _play(self) -> AsyncIterator[str | int]:
        for event in self._events:
            if isinstance(event, Exception):
                raise event
            yield event


async def _answered(source: Source, method: str = "GET") -> list[Any]:
    """The messages that it sends to a client who stays."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    answer: LinesAnswer[str | int] = LinesAnswer(
        "name", source.open(), lambda event: Line(str(event)), int, LOST
    )
    await answer({"type": "http", "method": method}, receive, send)
    return sent


def _lines(sent: list[Any]) -> list[Any]:
    assert sent[0]["status"] == 200
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    body = b"".join(message["body"] for message in sent[1:])
    return [json.loads(line) for line in body.split(b"\n")[:-1]]


@given(st.lists(st.text()))
def test_every_event_is_one_line(texts: list[str]) -> None:
    async def check() -> None:
        source = Source(*texts, 7, "behind its end")
        assert _lines(await _answered(source)) == [{"text": text} for text in [*texts, "7"]]
        assert source.left

    asyncio.run(check())


@pytest.mark.parametrize(
    ("failure", "code"),
    [(NotFound("gone", "it is gone"), "gone"), (RuntimeError("a secret"), "internal_error"), (None, "lost")],
)
async def test_the_last_line_says_what_went_wrong(failure: Exception | None, code: str) -> None:
    source = Source("one", *([failure] if failure else []))
    first, last = _lines(await _answered(source))
    assert first == {"text": "one"}
    assert last["error"]["code"] == code
    assert "secret" not in str(last)
    assert source.left


@pytest.mark.parametrize("refusal", [NotFound("gone", "it is gone"), RuntimeError("a secret")])
async def test_what_stands_in_the_way_of_a_beginning_is_no_line(refusal: Exception) -> None:
    with pytest.raises(type(refusal)):
        await _answered(Source(refusal=refusal))


async def test_the_head_alone() -> None:
    source = Source("one", 7)
    assert _lines(await _answered(source, "HEAD")) == []
    assert source.left
