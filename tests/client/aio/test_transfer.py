"""Files and folders copied in and out, against a server that says what the test tells it to."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from archive.test_unpack import ESCAPES, entry
from archive.trees import fd_count, look, make_tree
from client.stub_server import VM, Answer, StubServer, answer, cut, half, refusal
from hatchway.archive import writer
from hatchway.client import Agent, Transferred
from hatchway.errors import Conflict, ConnectionFailed, HatchwayError, NotFound

DONE = answer({"size": 1})
UNPACKED = answer({"entries": 1, "bytes": 1, "skipped": 0})


def stat(kind: str, size: int = 0, mode: int = 0o644) -> Answer:
    return answer(
        {
            "type": kind,
            "size": size,
            "mode": mode,
            "uid": 0,
            "gid": 0,
            "modified_at": "2030-01-02T03:04:05Z",
        }
    )


async def test_a_folder_is_sent_as_an_archive(agent: Agent, server: StubServer, tmp_path: Path) -> None:
    make_tree(tmp_path)
    server.on("PUT", f"{VM}/files/archive", UNPACKED)
    told: list[tuple[int, int | None]] = []
    done = await agent.upload(tmp_path, "/x y", progress=lambda so_far, total: told.append((so_far, total)))
    (put,) = server.to("PUT", f"{VM}/files/archive")
    assert put.target.partition("?")[2] == "path=/x%20y"
    assert put.values("content-type") == ["application/x-tar"]
    with tarfile.open(fileobj=io.BytesIO(put.body)) as archive:
        names = {os.fsencode(name) for name in archive.getnames()}
    assert names == {*look(tmp_path), b"."}
    assert told == sorted(told)
    assert told[-1] == (done.bytes, done.bytes)


async def test_a_file_is_sent_with_its_mode(agent: Agent, server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 600_000)
    (tmp_path / "f").chmod(0o751)
    (tmp_path / "link").symlink_to("f")
    server.on("PUT", f"{VM}/files", DONE)
    assert await agent.upload(str(tmp_path / "link"), b"\xff") == Transferred(1, 600_000)
    (put,) = server.to("PUT", f"{VM}/files")
    assert put.target.partition("?")[2] == "path=%FF&mode=751&parents=true"
    assert put.body == b"x" * 600_000


async def test_what_is_not_there_is_told_before_anything_is_sent(
    agent: Agent, server: StubServer, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        await agent.upload(tmp_path / "none", "x")
    assert server.received == []


async def test_what_the_server_refuses_is_told(agent: Agent, server: StubServer, tmp_path: Path) -> None:
    make_tree(tmp_path / "t")
    before = fd_count()
    for refused in (refusal("409 Conflict", "not_a_directory"), refusal("409 Conflict", "storage_full")):
        server.on("PUT", f"{VM}/files/archive", refused)
        with pytest.raises(Conflict):
            await agent.upload(tmp_path / "t", "x")
    server.on("PUT", f"{VM}/files/archive", cut)
    with pytest.raises(ConnectionFailed):
        await agent.upload(tmp_path / "t", "x")
    # Connections that are kept for the next call, and no file.
    assert fd_count() <= before + 2


async def test_a_file_that_shrinks_while_it_is_sent_breaks_the_call_off(
    agent: Agent, server: StubServer, tmp_path: Path
) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(3_000_000)
    server.on("PUT", f"{VM}/files/archive", UNPACKED)
    with pytest.raises(Conflict) as caught:
        await agent.upload(tmp_path, "x", progress=lambda _done, _total: os.truncate(tmp_path / "big", 1))
    assert caught.value.code == "file_changed"
    assert server.to("PUT", f"{VM}/files/archive") == []  # it never came whole


async def test_a_caller_that_fails_in_its_own_progress(
    agent: Agent, server: StubServer, tmp_path: Path
) -> None:
    def progress(_done: int, _total: int | None) -> None:
        raise ValueError("the caller's own")

    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "f").write_bytes(b"x")
    server.on("PUT", f"{VM}/files/archive", UNPACKED)
    server.on("GET", f"{VM}/files/stat", stat("directory"))
    server.on("GET", f"{VM}/files/archive", answer(entry(b"a", content=b"x") + writer.END))
    with pytest.raises(ValueError, match="own"):
        await agent.upload(tmp_path / "t", "x", progress=progress)
    with pytest.raises(ValueError, match="own"):
        await agent.download("x", tmp_path / "new", progress=progress)
    assert os.listdir(tmp_path) == ["t"]


async def test_a_folder_comes_under_its_name_when_it_is_whole(
    agent: Agent, server: StubServer, tmp_path: Path
) -> None:
    data = entry(b"a/b", content=b"text") + entry(b"l", "symlink", target=b"/etc") + writer.END
    server.on("GET", f"{VM}/files/stat", stat("directory"))
    server.on("GET", f"{VM}/files/archive", answer(data))
    told: list[tuple[int, int | None]] = []
    done = await agent.download("x", tmp_path / "t", progress=lambda *now: told.append(now))
    assert done == Transferred(1, 4, 1)
    assert told[-1] == (4, None)
    assert set(look(tmp_path / "t")) == {b"a", b"a/b"}


@pytest.mark.parametrize("data", ESCAPES.values(), ids=ESCAPES)
async def test_a_hostile_archive(agent: Agent, server: StubServer, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    server.on("GET", f"{VM}/files/stat", stat("directory"))
    server.on("GET", f"{VM}/files/archive", answer(data + writer.END))
    with pytest.raises(HatchwayError) as caught:
        await agent.download("x", tmp_path / "t")
    assert (caught.value.code, caught.value.status) == ("invalid_archive", 502)
    assert set(look(tmp_path)) == {b"secret"}


async def test_a_folder_that_comes_half_leaves_nothing(
    agent: Agent, server: StubServer, tmp_path: Path
) -> None:
    server.on("GET", f"{VM}/files/stat", stat("directory"))
    server.on("GET", f"{VM}/files/archive", half)
    with pytest.raises(ConnectionFailed):
        await agent.download("x", tmp_path / "t")
    server.on("GET", f"{VM}/files/archive", answer(entry(b"a", content=b"x")))  # whole, but without an end
    with pytest.raises(HatchwayError) as caught:
        await agent.download("x", tmp_path / "t")
    assert caught.value.code == "archive_cut_short"
    server.on("GET", f"{VM}/files/archive", refusal("409 Conflict", "not_permitted"))
    with pytest.raises(Conflict):
        await agent.download("x", tmp_path / "t")
    assert os.listdir(tmp_path) == []


async def test_a_file_that_comes_half_leaves_what_was_there(
    agent: Agent, server: StubServer, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"old")
    server.on("GET", f"{VM}/files/stat", stat("file", 100, 0o755))
    server.on("GET", f"{VM}/files", half)
    with pytest.raises(ConnectionFailed):
        await agent.download("x", tmp_path / "f")
    assert set(look(tmp_path)) == {b"f"}
    assert (tmp_path / "f").read_bytes() == b"old"
    server.on("GET", f"{VM}/files", answer(b"new"))
    assert await agent.download("x", tmp_path / "f") == Transferred(1, 3)
    assert (tmp_path / "f").read_bytes() == b"new"
    assert os.access(tmp_path / "f", os.X_OK)
