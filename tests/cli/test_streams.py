from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator

import pytest

from hatchway.cli.streams import CHUNK_BYTES, read_in
from hatchway.errors import InvalidRequest


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The writing end of a pipe that is standard input."""
    reading, writing = os.pipe()
    with open(reading) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield writing


async def test_pieces_come_as_they_are_written(given: int) -> None:
    pieces = read_in()
    os.write(given, b"\x00one")
    assert await anext(pieces) == b"\x00one"
    os.write(given, b"\xfftwo")
    assert await anext(pieces) == b"\xfftwo"
    os.close(given)
    with pytest.raises(StopAsyncIteration):
        await anext(pieces)


async def test_no_more_is_read_ahead_than_a_piece(given: int) -> None:
    os.set_blocking(given, False)
    pieces = read_in()
    written = os.write(given, b"x" * CHUNK_BYTES)
    assert len(await anext(pieces)) == written

    async def fill() -> int:
        total = 0
        while True:
            try:
                total += os.write(given, b"x" * CHUNK_BYTES)
            except BlockingIOError:
                return total
            await asyncio.sleep(0)

    total = await fill()
    assert total <= 3 * CHUNK_BYTES
    os.close(given)
    assert sum([len(piece) async for piece in pieces]) == total


async def test_an_input_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open("/", os.O_RDONLY)

    class Folder:
        def fileno(self) -> int:
            return descriptor

    monkeypatch.setattr(sys, "stdin", Folder())
    with pytest.raises(InvalidRequest) as caught:
        await anext(read_in())
    assert caught.value.message == "standard input cannot be read: Is a directory"
    os.close(descriptor)


async def test_a_closed_input_is_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert [piece async for piece in read_in()] == []
