from __future__ import annotations

import asyncio

import pytest

from hatchway.vm.background import Background


async def test_it_is_held_and_waited_for() -> None:
    background, done, go = Background(), [], asyncio.Event()

    async def second() -> None:
        done.append("second")

    async def first() -> None:
        await go.wait()
        done.append("first")
        background.start(second())

    background.start(first())
    assert len(background) == 1
    go.set()
    await background.finish()
    assert done == ["first", "second"]
    assert not background


async def test_what_it_raises_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    background = Background()

    async def fail() -> None:
        raise OSError(13, "Permission denied", "/a/path/of/the/host")

    background.start(fail())
    await background.finish()
    assert [record.getMessage() for record in caplog.records] == [
        "work in the background failed: PermissionError"
    ]
    assert caplog.records[0].exc_info is None
