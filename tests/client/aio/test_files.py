"""What the client asks of files, and what it makes of the answers."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from client.stub_server import VM, VM_ID, StubServer, answer, half, ndjson, refusal
from hatchway.client import Agent, DirEntry, FileRead, FileStat, FileWritten
from hatchway.errors import Conflict, ConnectionFailed, HatchwayError, InvalidRequest, NotFound, Unavailable

DONE = answer(None, "204 No Content")
GONE = refusal("404 Not Found", "vm_not_found")
STAT = {
    "type": "symlink",
    "size": 3,
    "mode": 0o777,
    "uid": 1,
    "gid": 2,
    "modified_at": "2030-01-02T03:04:05.500Z",
    "target": "a\ufffd",
    "target_base64": base64.b64encode(b"a\xff").decode(),
}
END = {"end": True, "entries": 2, "unreadable": 0}


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def query_of(server: StubServer, method: str, path: str) -> list[str]:
    return [one.target.partition("?")[2] for one in server.to(method, f"{VM}/files{path}")]


async def test_what_is_asked(agent: Agent, server: StubServer) -> None:
    for method, path in (("PUT", ""), ("DELETE", ""), ("POST", "/mkdir"), ("POST", "/move")):
        server.on(method, f"{VM}/files{path}", DONE)
    await agent.write_file("a b", b"x", mode=0o4755, parents=True)
    await agent.delete_file("\udcff")
    await agent.delete_file(b"\xff", recursive=True)
    await agent.mkdir("d")
    await agent.mkdir("d&e", recursive=True, mode=0o700)
    await agent.move("from+", b"to\n")
    assert query_of(server, "PUT", "") == ["path=a%20b&mode=4755&parents=true"]
    assert query_of(server, "DELETE", "") == ["path=%FF", "path=%FF&recursive=true"]
    assert query_of(server, "POST", "/mkdir") == ["path=d", "path=d%26e&mode=700&recursive=true"]
    assert query_of(server, "POST", "/move") == ["from=from%2B&to=to%0A"]


async def test_stat(agent: Agent, server: StubServer) -> None:
    server.on("GET", f"{VM}/files/stat", answer(STAT))
    then = datetime(2030, 1, 2, 3, 4, 5, 500_000, UTC)
    expected = FileStat("symlink", 3, 0o777, 1, 2, then, "a\udcff")
    assert await agent.stat("l") == expected
    assert await agent.stat("l", follow=False) == expected
    assert query_of(server, "GET", "/stat") == ["path=l", "path=l&follow=false"]


async def test_a_list(agent: Agent, server: StubServer) -> None:
    odd = {
        "path": "b\ufffd",
        "path_base64": base64.b64encode(b"b\xff").decode(),
        "type": "directory",
        "size": 1,
    }
    server.on("GET", f"{VM}/files/list", ndjson(odd, {"path": "a", "type": "file", "size": 2}, END))
    assert await agent.readdir("d") == ["a", "b\udcff"]
    found = await agent.readdir_recursive("d", max_depth=3, exclude=["*.pyc", b"\xff/"])
    assert found == [DirEntry("b\udcff", "directory", 1), DirEntry("a", "file", 2)]
    await agent.readdir_recursive("d", exclude="node_modules")
    assert query_of(server, "GET", "/list") == [
        "path=d&max_depth=1",
        "path=d&max_depth=3&exclude=%2A.pyc&exclude=%FF/",
        "path=d&exclude=node_modules",
    ]


async def test_a_list_that_is_not_whole(agent: Agent, server: StubServer) -> None:
    entry = {"path": "a", "type": "file", "size": 2}
    problem = {"code": "vm_stopped", "message": "the VM has stopped", "hint": ""}
    for lines, kind, code in (
        ([entry], ConnectionFailed, "connection_lost"),
        ([entry, END], HatchwayError, "unexpected_answer"),
        ([entry, {"error": problem}], HatchwayError, "vm_stopped"),
        ([{"path": "a"}, END], HatchwayError, "unexpected_answer"),
    ):
        server.on("GET", f"{VM}/files/list", ndjson(*lines))
        with pytest.raises(kind) as caught:
            await agent.readdir("d")
        assert caught.value.code == code
    server.on("GET", f"{VM}/files/list", half)
    with pytest.raises(HatchwayError):
        await agent.readdir("d")


@pytest.mark.parametrize("depth", [0, -1, True, 1.5, "1"])
async def test_a_depth_that_is_none(agent: Agent, server: StubServer, depth: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await agent.readdir_recursive("d", max_depth=depth)
    assert caught.value.code == "invalid_max_depth"
    assert server.received == []


async def test_a_file_in_pieces(agent: Agent, server: StubServer) -> None:
    content = bytes(range(256)) * 5000
    server.on("GET", f"{VM}/files", answer(content))
    assert b"".join([piece async for piece in agent.stream_file("f")]) == content
    server.on("GET", f"{VM}/files", half)
    stream = agent.stream_file("f")
    assert await stream.__anext__() == b"half"
    with pytest.raises(ConnectionFailed):
        await stream.__anext__()
    server.on("GET", f"{VM}/files", refusal("404 Not Found", "file_not_found"))
    with pytest.raises(NotFound):
        [piece async for piece in agent.stream_file("f")]


async def test_a_vm_that_is_gone_is_made_anew_for_streams_too(agent: Agent, server: StubServer) -> None:
    server.on("POST", "/api/vms", answer({"id": VM_ID}), answer({"id": "second"}))
    server.on("GET", f"{VM}/files", GONE)
    server.on("GET", "/api/vms/second/files", answer(b"new"))
    assert [piece async for piece in agent.stream_file("f")] == [b"new"]


async def test_many_files(agent: Agent, server: StubServer) -> None:
    server.on("PUT", f"{VM}/files", DONE, refusal("409 Conflict", "is_a_directory"), DONE)
    written = await agent.write_files({"a/b": "text", "folder": b"x", "c": pieces(b"1", b"2")})
    assert [(one.path, one.success) for one in written] == [("a/b", True), ("folder", False), ("c", True)]
    assert isinstance(written[1].error, Conflict)
    assert [put.body for put in server.to("PUT", f"{VM}/files")] == [b"text", b"x", b"12"]
    assert all("parents=true" in query for query in query_of(server, "PUT", ""))
    assert await agent.write_files([(b"\xff", b"x"), ("b", "y")]) == [FileWritten(b"\xff"), FileWritten("b")]
    server.on("GET", f"{VM}/files", answer(b"1"), refusal("404 Not Found", "file_not_found"), answer(b"3"))
    read = await agent.read_files(["a", b"b", "c"])
    assert [(one.path, one.content) for one in read] == [("a", b"1"), (b"b", None), ("c", b"3")]
    assert read[0] == FileRead("a", b"1")
    assert isinstance(read[1].error, NotFound)
    assert "content" not in repr(read[0])


async def test_trouble_with_all_of_many_files_is_raised(agent: Agent, server: StubServer) -> None:
    server.on("PUT", f"{VM}/files", DONE, refusal("503 Service Unavailable", "vm_boot_failed"))
    server.on("GET", f"{VM}/files", half)
    with pytest.raises(Unavailable):
        await agent.write_files({"a": "", "b": ""})
    with pytest.raises(ConnectionFailed):
        await agent.read_files(["a"])
