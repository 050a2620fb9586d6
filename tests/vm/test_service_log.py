"""The log of a declared service: rotated, kept over a restart, followed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from e2e.waiting import eventually
from hatchway.vm.service_log import ServiceLog, remove_logs


async def _read(log: ServiceLog) -> bytes:
    return b"".join([piece async for piece in log.read(follow=False)])


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 100))
def test_it_keeps_the_end_of_what_was_written(
    tmp_path_factory: object, pieces: list[bytes], size: int
) -> None:
    folder = tmp_path_factory.mktemp("log")  # type: ignore[attr-defined]
    asyncio.run(_keeps(folder / "deep" / "web.log", pieces, size))


async def _keeps(path: Path, pieces: list[bytes], size: int) -> None:
    log = ServiceLog(path, size)
    for piece in pieces:
        log.write(piece)
    whole = b"".join(pieces)
    kept = await _read(log)
    assert whole.endswith(kept)
    assert len(kept) >= min(len(whole), size)
    assert len(kept) <= 2 * (size + 40)
    assert await _read(ServiceLog(path, size)) == kept


async def test_a_follower_gets_all_of_it_over_rotations(tmp_path: Path) -> None:
    log = ServiceLog(tmp_path / "web.log", 10)
    log.write(b"0123456789")
    got = bytearray()

    async def follow() -> None:
        async for piece in log.read(follow=True):
            got.extend(piece)

    async def has_it_all() -> bool:
        return len(got) == len(expected)

    following = asyncio.create_task(follow())
    expected = b"0123456789"
    for number in range(20):
        await eventually(has_it_all, "the follower has it all")
        piece = b"%08d" % number
        log.write(piece)
        expected += piece
    await eventually(has_it_all, "the follower has it all")
    log.remove()
    await following
    assert got == expected
    assert list(tmp_path.iterdir()) == []
    log.write(b"late")
    assert list(tmp_path.iterdir()) == []


async def test_logs_that_are_gone_or_cannot_be_written_harm_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = ServiceLog(tmp_path / "file" / "web.log")
    log.note("started")
    assert await _read(log) == b""
    kept = ServiceLog(tmp_path / "logs" / "web.log", 4)
    kept.write(b"first")
    kept.write(b"second")
    (tmp_path / "logs" / "web.log.1").unlink()
    assert await _read(kept) == b"second"
    remove_logs(tmp_path / "logs")
    remove_logs(tmp_path / "logs")
    assert not (tmp_path / "logs").exists()
