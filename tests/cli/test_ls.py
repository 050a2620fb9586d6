from __future__ import annotations

import base64
import json

import pytest

from cli.conftest import Run
from client.stub_server import VM, StubServer, answer, ndjson, refusal

ODD = b"\xff\x1b[31m\n"

STAT = {
    "type": "directory",
    "size": 4096,
    "mode": 0o755,
    "uid": 0,
    "gid": 0,
    "modified_at": "2030-01-02T03:04:05.678Z",
}
ENTRIES = [
    {"path": "lib", "type": "directory", "size": 4096},
    {"path": "a", "type": "file", "size": 6},
    {"path": "?", "path_base64": base64.b64encode(ODD).decode(), "type": "file", "size": 0},
]
END = {"end": True, "entries": len(ENTRIES), "unreadable": 0}


@pytest.fixture(autouse=True)
def _folder(server: StubServer) -> None:
    server.on("GET", f"{VM}/files/stat", answer(STAT))
    server.on("GET", f"{VM}/files/list", ndjson(*ENTRIES, END))


async def test_names_are_bytes_in_their_order(run: Run, server: StubServer) -> None:
    ran = await run("ls", "my-agent")
    assert (ran.code, ran.out, ran.err) == (0, b"a\nlib\n" + ODD + b"\n", "")
    assert server.received[-1].target == f"{VM}/files/list?path=.&max_depth=1"
    await run("ls", "my-agent", "-R", "src/\udcff")
    assert server.received[-1].target == f"{VM}/files/list?path=src/%FF"


async def test_json_holds_what_is_no_text_as_base64(run: Run) -> None:
    found = json.loads((await run("ls", "my-agent", "--json")).out)
    assert found == [
        {"path": "a", "type": "file", "size": 6},
        {"path": "lib", "type": "directory", "size": 4096},
        {
            "path": ODD.decode(errors="replace"),
            "path_base64": base64.b64encode(ODD).decode(),
            "type": "file",
            "size": 0,
        },
    ]


async def test_more_of_each(run: Run, server: StubServer) -> None:
    link = STAT | {"type": "symlink", "size": 1, "mode": 0o777, "target": "x"}
    server.on("GET", f"{VM}/files/stat", answer(STAT), answer(link))
    ran = await run("ls", "my-agent", "-l")
    assert ran.out.splitlines()[0] == b"lrwxrwxrwx\t1\t2030-01-02T03:04:05Z\ta"
    server.on("GET", f"{VM}/files/stat", answer(STAT), answer(link))
    fields = json.loads((await run("ls", "my-agent", "-l", "--json")).out)[0]
    assert fields == {
        "path": "a",
        "type": "symlink",
        "size": 1,
        "mode": "0777",
        "uid": 0,
        "gid": 0,
        "modified_at": "2030-01-02T03:04:05Z",
        "target": "x",
    }


async def test_what_is_gone_meanwhile_is_left_out(run: Run, server: StubServer) -> None:
    gone = refusal("404 Not Found", "file_not_found")
    server.on("GET", f"{VM}/files/stat", answer(STAT), answer(STAT), gone)
    ran = await run("ls", "my-agent", "-l")
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)


async def test_a_file_is_listed_by_the_name_it_was_given(run: Run, server: StubServer) -> None:
    server.on("GET", f"{VM}/files/stat", answer(STAT | {"type": "file", "size": 6}))
    assert (await run("ls", "my-agent", "/x/a")).out == b"/x/a\n"
    assert server.to("GET", f"{VM}/files/list") == []


async def test_an_empty_folder_says_nothing(run: Run, server: StubServer) -> None:
    server.on("GET", f"{VM}/files/list", ndjson({"end": True, "entries": 0, "unreadable": 0}))
    for flags in ([], ["-l"]):
        ran = await run("ls", "my-agent", *flags)
        assert (ran.code, ran.out, ran.err) == (0, b"", "")
    assert (await run("ls", "my-agent", "--json")).out == b"[]\n"


async def test_a_folder_that_is_not_there(run: Run, server: StubServer) -> None:
    server.on("GET", f"{VM}/files/stat", refusal("404 Not Found", "file_not_found"))
    ran = await run("ls", "my-agent", "none")
    assert (ran.code, ran.out, ran.err) == (1, b"", "error: about file_not_found\n hint: a hint\n")
