from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote_from_bytes

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.endpoint import AnswerAborted
from hatchway.api.query import parse_query


async def test_write_read_exists_delete(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    content = bytes(range(256)) * 10
    where = {"path": "/home/user/data.bin"}
    assert (await client.get(f"{vm}/files/exists", params=where)).json() == {"exists": False}
    written = await client.put(f"{vm}/files", params=where, content=content)
    assert written.json() == {"size": len(content)}
    assert (await client.get(f"{vm}/files/exists", params={"path": "data.bin"})).json() == {"exists": True}
    answer = await client.get(f"{vm}/files", params=where)
    assert answer.content == content
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (await client.delete(f"{vm}/files", params=where)).status_code == 204
    assert services.files == {}


async def test_a_guests_file_cannot_act_as_a_page_of_ours(client: httpx.AsyncClient, vm: str) -> None:
    await client.put(f"{vm}/files?path=x.html", content=b"<script>alert(1)</script>")
    headers = (await client.get(f"{vm}/files?path=x.html")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"] == "attachment"
    assert headers["content-security-policy"] == "sandbox"
    assert headers["cache-control"] == "no-store"


async def test_an_empty_file(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    assert (await client.put(f"{vm}/files?path=e", content=b"")).json() == {"size": 0}
    answer = await client.get(f"{vm}/files?path=e")
    assert (answer.content, answer.headers["content-length"]) == (b"", "0")


async def test_head_says_the_size_without_reading(client: httpx.AsyncClient, vm: str) -> None:
    await client.put(f"{vm}/files?path=e", content=b"12345")
    answer = await client.head(f"{vm}/files?path=e")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "5", b"")
    assert (await client.head(f"{vm}/files?path=f")).status_code == 404


async def test_a_body_may_come_in_pieces_without_a_length(
    client: httpx.AsyncClient, services: Any, vm: str
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"one ", b"", b"two"):
            yield piece

    answer = await client.put(f"{vm}/files?path=p", content=pieces())
    assert answer.json() == {"size": 7}
    assert list(services.files.values()) == [b"one two"]


@given(st.binary(min_size=1))
def test_any_name_comes_through_a_clients_url_parser(name: bytes) -> None:
    url = httpx.URL("http://localhost/api/files?path=" + quote_from_bytes(name, safe=""))
    assert parse_query(url.query, {"path"}) == ({"path": name}, {})


async def test_names_need_not_be_text(client: httpx.AsyncClient, services: Any, vm: str) -> None:
    await client.put(f"{vm}/files?path=%FF%FE%20%2B+x%0A", content=b"")
    assert [path for _, path in services.files] == [b"/home/user/\xff\xfe + x\n"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "invalid_path"),
        ("?path=", "invalid_path"),
        ("?path=/a/../b", "invalid_path"),
        ("?path=%2e%2e/x", "invalid_path"),
        ("?path=/a%2F%2E%2E%2Fb", "invalid_path"),
        ("?path=a%00b", "invalid_path"),
        ("?path=" + "n" * 256, "invalid_path"),
        ("?path=" + "n" * 4096, "invalid_path"),
        ("?path=" + "n/" * 2048, "invalid_path"),
        ("?path=a&path=b", "invalid_query"),
        ("?path=a&follow=1", "invalid_query"),
    ],
)
async def test_paths_that_are_refused(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, query: str, code: str
) -> None:
    for method, rest in (("PUT", "files"), ("GET", "files"), ("DELETE", "files"), ("GET", "files/exists")):
        refused(await client.request(method, f"{vm}/{rest}{query}"), 400, code)
    assert services.files == {}


@pytest.mark.parametrize(
    ("text", "mode"), [("755", 0o755), ("0644", 0o644), ("000", 0), ("7", 7), ("07777", 0o7777), (None, None)]
)
async def test_modes(
    client: httpx.AsyncClient, services: Any, vm: str, text: str | None, mode: int | None
) -> None:
    await client.put(f"{vm}/files?path=m" + ("" if text is None else f"&mode={text}"), content=b"")
    assert list(services.modes.values()) == [mode]


@pytest.mark.parametrize("text", ["", "888", "10000", "0o755", "-755", "%2B755", "755%20", "7_5"])
async def test_modes_that_are_refused(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, text: str
) -> None:
    refused(await client.put(f"{vm}/files?path=m&mode={text}", content=b""), 400, "invalid_mode")
    assert services.files == {}


async def test_a_file_that_is_not_there(client: httpx.AsyncClient, vm: str, refused: Any) -> None:
    refused(await client.get(f"{vm}/files?path=x"), 404, "file_not_found")
    refused(await client.delete(f"{vm}/files?path=x"), 404, "file_not_found")


async def test_a_body_cut_short_writes_nothing(services: Any, vm: str, raw_call: Any) -> None:
    call = raw_call("PUT", f"{vm}/files?path=x", {"Content-Length": "10"})
    call.body(b"half", more=True)
    call.disconnect()
    await call.task
    assert services.files == {}
    assert call.sent == []


async def test_a_body_shorter_than_its_length_writes_nothing(services: Any, vm: str, raw_call: Any) -> None:
    call = raw_call("PUT", f"{vm}/files?path=x", {"Content-Length": "10"})
    call.body(b"half")
    await call.task
    assert services.files == {}
    assert call.sent[0]["status"] == 400
    assert b"body_cut_short" in call.sent[1]["body"]


@pytest.mark.parametrize("error", [1, -1])
async def test_a_file_that_changes_under_the_answer_cuts_it(
    client: httpx.AsyncClient, services: Any, vm: str, raw_call: Any, error: int
) -> None:
    await client.put(f"{vm}/files?path=x", content=b"0123456789")
    services.size_error = error
    call = raw_call("GET", f"{vm}/files?path=x")
    with pytest.raises(AnswerAborted):
        await call.task
    assert call.sent[0]["status"] == 200
    assert all(message.get("more_body", True) for message in call.sent[1:]), "never said to be complete"


async def test_a_reader_that_goes_away_ends_the_reading(
    client: httpx.AsyncClient, vm: str, raw_call: Any
) -> None:
    await client.put(f"{vm}/files?path=x", content=b"0123456789" * 1000)
    call = raw_call("GET", f"{vm}/files?path=x")
    call.disconnect()
    await call.task
    assert all(message.get("more_body", True) for message in call.sent[1:])
