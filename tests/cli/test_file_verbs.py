"""`cat`, `mkdir`, `mv` and `rm`: what they ask and what they print."""

from __future__ import annotations

import pytest

from cli.conftest import Run
from client.stub_server import VM, StubServer, answer, cut, half, refusal

DONE = answer(None, "204 No Content")
NOT_THERE = refusal("404 Not Found", "file_not_found")
FOLDER = answer(
    {"type": "directory", "size": 0, "mode": 493, "uid": 0, "gid": 0, "modified_at": "2030-01-02T03:04:05Z"}
)


async def test_cat_goes_on_with_the_next(run: Run, server: StubServer) -> None:
    server.on("GET", f"{VM}/files", answer(b"\xffone"), NOT_THERE, answer(b"two"))
    ran = await run("cat", "my-agent", "a b", "none", "/c")
    assert (ran.code, ran.out) == (1, b"\xffonetwo")
    assert ran.err == "error: none: about file_not_found\n hint: a hint\n"
    targets = [request.target for request in server.to("GET", f"{VM}/files")]
    assert targets == [f"{VM}/files?path={path}" for path in ("a%20b", "none", "/c")]


@pytest.mark.parametrize("way", [cut, half])
async def test_cat_ends_with_the_connection(run: Run, server: StubServer, way: object) -> None:
    server.on("GET", f"{VM}/files", way)  # type: ignore[arg-type]
    ran = await run("cat", "my-agent", "a", "b")
    assert ran.code == 1
    assert ran.err.count("error: ") == 1
    assert "hint: " in ran.err


async def test_mkdir(run: Run, server: StubServer) -> None:
    server.on("POST", f"{VM}/files/mkdir", DONE, refusal("409 Conflict", "already_exists"))
    ran = await run("mkdir", "my-agent", "a", "b")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err.startswith("error: b: about already_exists\n hint: choose another name; ")
    server.on("POST", f"{VM}/files/mkdir", NOT_THERE)
    assert (await run("mkdir", "my-agent", "a/b")).err == (
        "error: a/b: the folder above it is not there\n hint: hatchway mkdir --parents makes it, too\n"
    )
    server.on("POST", f"{VM}/files/mkdir", DONE)
    assert (await run("mkdir", "new-agent", "-p", "c/d")).code == 0
    assert server.received[-1].target == f"{VM}/files/mkdir?path=c/d&recursive=true"


@pytest.mark.parametrize(
    ("target", "there", "asked"),
    [
        ("b", NOT_THERE, "b"),
        ("b", FOLDER, "b/a"),
        ("b/", NOT_THERE, "b/a"),
        ("", FOLDER, "a"),
        ("", NOT_THERE, "."),
    ],
)
async def test_mv_moves_into_a_folder_or_renames(
    run: Run, server: StubServer, target: str, there: bytes, asked: str
) -> None:
    server.on("GET", f"{VM}/files/stat", there)
    server.on("POST", f"{VM}/files/move", DONE)
    ran = await run("mv", "my-agent", "x/a", target)
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    assert server.received[-1].target == f"{VM}/files/move?from=x/a&to={asked}"


async def test_rm(run: Run, server: StubServer) -> None:
    server.on("DELETE", f"{VM}/files", NOT_THERE, refusal("409 Conflict", "directory_not_empty", ""), DONE)
    ran = await run("rm", "my-agent", "none", "full", "a")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "error: none: about file_not_found",
        " hint: a hint",
        "error: full: about directory_not_empty",
        " hint: hatchway rm --recursive deletes a folder with all that is in it",
    ]
    server.on("DELETE", f"{VM}/files", NOT_THERE, DONE)
    ran = await run("rm", "my-agent", "-rf", "none", "full")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    assert server.received[-1].target == f"{VM}/files?path=full&recursive=true"
    before = len(server.received)
    for path in (".", "/", "..", "src/..", "./"):
        ran = await run("rm", "my-agent", "-rf", path)
        assert ran.code == 1
        assert "hint: name what is in it" in ran.err
    assert server.to("DELETE", f"{VM}/files")[-1] in server.received[:before]
    server.on("DELETE", f"{VM}/files", refusal("404 Not Found", "vm_not_found"))
    assert (await run("rm", "my-agent", "-f", "none")).code == 1


@pytest.mark.parametrize("verb", ["ls", "cat", "rm", "mv", "ps", "output", "kill"])
async def test_looking_makes_no_vm(run: Run, server: StubServer, verb: str) -> None:
    server.on("GET", "/api/vms", answer({"vms": []}))
    arguments = {"mv": ["a", "b"], "output": ["7"], "kill": ["7"], "ps": []}.get(verb, ["a"])
    ran = await run(verb, "typo", *arguments)
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == (
        "error: there is no VM of this kind with this key\n"
        " hint: check the key and --kind; hatchway vm list shows the VMs that are there\n"
    )
    assert server.to("POST", "/api/vms") == []
