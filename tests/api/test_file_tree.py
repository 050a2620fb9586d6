from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.endpoint import AnswerAborted
from hatchway.api.file_schemas import spelled
from hatchway.errors import Unavailable
from hatchway.vm.records import FileEntry, ListingEnd


async def test_what_is_at_a_path(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    await client.put(f"{vm}/files?path=f&parents=true", content=b"abc")
    answer = await client.get(f"{vm}/files/stat?path=f&follow=false")
    assert answer.json() == {
        "type": "file",
        "size": 3,
        "mode": 0o644,
        "uid": 1,
        "gid": 2,
        "modified_at": "1970-01-12T13:46:40.500000Z",
    }
    link = (await client.get(f"{vm}/files/stat?path=link")).json()
    assert (link["type"], link["target"], link["target_base64"]) == ("symlink", "a\ufffd", "Yf8=")
    assert services.done == [("write", b"/home/user/f", True), ("stat", b"/home/user/f", False)]


async def test_folders_are_made_moved_and_deleted(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    assert (await client.post(f"{vm}/files/mkdir?path=a/b&recursive=true&mode=700")).status_code == 204
    assert (await client.post(f"{vm}/files/mkdir?path=a")).status_code == 204
    assert (await client.post(f"{vm}/files/move?from=%FF&to=/tmp/x")).status_code == 204
    await client.put(f"{vm}/files?path=f", content=b"")
    assert (await client.delete(f"{vm}/files?path=f&recursive=true")).status_code == 204
    assert services.done == [
        ("mkdir", b"/home/user/a/b", True, 0o700),
        ("mkdir", b"/home/user/a", False, None),
        ("move", b"/home/user/\xff", b"/tmp/x"),
        ("write", b"/home/user/f", False),
        ("delete", b"/home/user/f", True),
    ]


@pytest.mark.parametrize(
    ("method", "rest", "code"),
    [
        ("POST", "mkdir", "invalid_path"),
        ("POST", "mkdir?path=a&mode=9", "invalid_mode"),
        ("POST", "mkdir?path=a&recursive=1", "invalid_query"),
        ("POST", "move?from=a", "invalid_path"),
        ("POST", "move?to=a", "invalid_path"),
        ("POST", "move?from=a&to=/b/../c", "invalid_path"),
        ("GET", "stat?path=a&follow=", "invalid_query"),
        ("GET", "list?path=a&max_depth=0", "invalid_query"),
        ("GET", "list?path=a&max_depth=x", "invalid_query"),
        ("GET", "list?path=a&exclude=", "invalid_query"),
        ("GET", "list?path=a&exclude=%00", "invalid_query"),
        ("GET", "archive", "invalid_path"),
        ("PUT", "archive?path=..", "invalid_path"),
    ],
)
async def test_what_is_refused(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, method: str, rest: str, code: str
) -> None:
    refused(await client.request(method, f"{vm}/files/{rest}"), 400, code)
    assert services.done == []


async def test_a_list_comes_as_lines(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    services.listing = [
        [FileEntry(b"a", "directory", 4096), FileEntry(b"a/\xff\n", "file", 1)],
        [],
        [FileEntry("ü".encode(), "symlink", 2)],
        ListingEnd(3, 1),
    ]
    answer = await client.get(f"{vm}/files/list?path=/x&max_depth=2&exclude=*.pyc&exclude=%FF")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.split("\n") == [
        '{"path":"a","type":"directory","size":4096}',
        '{"path":"a/\ufffd\\n","type":"file","size":1,"path_base64":"YS//Cg=="}',
        '{"path":"ü","type":"symlink","size":2}',
        '{"end":true,"entries":3,"unreadable":1}',
        "",
    ]
    assert services.done == [("list", b"/x", 2, b"*.pyc", b"\xff")]


async def test_a_list_that_loses_its_end_says_so(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    services.listing = [[FileEntry(b"a", "file", 1)]]
    answer = await client.get(f"{vm}/files/list?path=/x")
    assert '"code":"listing_lost"' in answer.text.split("\n")[-2]
    assert services.left.is_set()


async def test_archives_both_ways(client: httpx.AsyncClient, services: Any, vm: str, refused: Any) -> None:
    answer = await client.put(f"{vm}/files/archive?path=d", content=b"an archive")
    assert answer.json() == {"entries": 1, "bytes": 10, "skipped": 2}
    answer = await client.get(f"{vm}/files/archive?path=d")
    assert answer.content == b"an archive"
    assert answer.headers["content-type"] == "application/x-tar"
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await client.head(f"{vm}/files/archive?path=d")).content == b""
    refused(await client.get(f"{vm}/files/archive?path=other"), 404, "file_not_found")


async def test_an_archive_that_fails_in_the_middle_is_cut(
    client: httpx.AsyncClient, services: Any, vm: str, raw_call: Any
) -> None:
    await client.put(f"{vm}/files/archive?path=d", content=b"an archive")
    services.size_error = 1
    call = raw_call("GET", f"{vm}/files/archive?path=d")
    with pytest.raises(AnswerAborted):
        await call.task
    assert [message.get("body") for message in call.sent[1:]] == [b"an archive"]
    assert all(message.get("more_body", True) for message in call.sent[1:]), "never said to be complete"


async def test_a_list_that_fails_in_the_middle_says_why(
    client: httpx.AsyncClient, services: Any, vm: str
) -> None:
    services.listing = [[FileEntry(b"a", "file", 1)], Unavailable("vm_stopped", "the VM has stopped")]
    lines = (await client.get(f"{vm}/files/list?path=/x")).text.split("\n")
    assert lines[1:] == ['{"error":{"code":"vm_stopped","message":"the VM has stopped","hint":""}}', ""]


async def test_a_reader_that_goes_away_ends_the_list(services: Any, vm: str, raw_call: Any) -> None:
    services.listing = [[FileEntry(b"a", "file", 1)]] * 1_000_000
    call = raw_call("GET", f"{vm}/files/list?path=/x")
    call.disconnect()
    await call.task
    assert services.left.is_set()
    assert all(message.get("more_body", True) for message in call.sent[1:])


async def test_an_archive_whose_sender_goes_away_is_not_taken_for_whole(
    services: Any, vm: str, raw_call: Any
) -> None:
    call = raw_call("PUT", f"{vm}/files/archive?path=d", {"Content-Length": "10"})
    call.body(b"half", more=True)
    call.disconnect()
    await call.task
    assert services.files == {}
    assert call.sent == []


@given(st.binary())
def test_names_survive(name: bytes) -> None:
    text, base64 = spelled(name)
    assert (text.encode() if not isinstance(base64, bytes) else base64) == name
