from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Awaitable
from pathlib import Path

import pytest

from hatchway.errors import HatchwayError
from hatchway.store.store import Store

SERVER = """
import asyncio, sys
from pathlib import Path
from hatchway.store.store import Store

async def main():
    store = await Store.open(Path(sys.argv[1]))
    row, _ = await store.vms.get_or_create("vm", "k", 1.0)
    token, grant = await store.previews.mint(row.id, 3000, 3600)
    print(row.id, token, grant.id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def content(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir())


async def test_everything_is_for_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = await Store.open(tmp_path / "new" / "data")
    finally:
        os.umask(old)
    try:
        await store.vms.get_or_create("vm", "k", 1.0)
        assert mode(tmp_path / "new" / "data") == 0o700
        files = {path.name: mode(path) for path in (tmp_path / "new" / "data").iterdir()}
        assert set(files) >= {"hatchway.db", "hatchway.db-wal", "hatchway.lock"}
        assert set(files.values()) == {0o600}
    finally:
        await store.close()


async def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "hatchway.db").touch(mode=0o644)
    store = await Store.open(tmp_path)
    await store.close()
    assert mode(tmp_path / "hatchway.db") == 0o600


async def test_a_second_server_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    first = await Store.open(tmp_path)
    with pytest.raises(HatchwayError) as caught:
        await Store.open(tmp_path)
    assert caught.value.code == "data_dir_in_use"
    assert "--data-dir" in caught.value.hint
    assert str(tmp_path) not in str(caught.value)
    await first.close()
    await first.close()
    second = await Store.open(tmp_path)
    await second.close()


async def test_a_failed_opening_gives_the_lock_free(tmp_path: Path) -> None:
    (tmp_path / "hatchway.db").write_bytes(b"not a database, whatever one may say" * 100)
    with pytest.raises(HatchwayError):
        await Store.open(tmp_path)
    (tmp_path / "hatchway.db").unlink()
    store = await Store.open(tmp_path)
    await store.close()


async def test_a_data_directory_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(HatchwayError) as caught:
        await Store.open(tmp_path / "data")
    assert caught.value.code == "storage_failed"
    assert str(tmp_path) not in str(caught.value)


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    for _ in range(3):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVER, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        line = await child.stdout.readline()
        child.kill()
        await child.communicate()
        vm_id, token, grant_id = line.decode().split()
        store = await Store.open(tmp_path)
        try:
            row = await store.vms.by_key("vm", "k")
            assert row is not None
            assert row.id == vm_id
            answer = store.previews.resolve(token)
            assert isinstance(answer, Awaitable)
            grant = await answer
            assert grant is not None
            assert (grant.id, grant.vm_id, grant.port) == (int(grant_id), vm_id, 3000)
        finally:
            await store.close()


async def test_no_token_is_ever_written(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    row, _ = await store.vms.get_or_create("vm", "k", 1.0)
    minted = [await store.previews.mint(row.id, 3000, 60) for _ in range(20)]
    await store.previews.expire(row.id, minted[0][0])
    running = content(tmp_path)
    await store.close()
    stopped = content(tmp_path)
    assert row.id.encode() in running
    for token, grant in minted:
        assert token.encode() not in running
        assert token.encode() not in stopped
        assert token not in repr(grant)
