from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Run
from client.stub_server import VM, StubServer, answer, half, refusal
from hatchway.cli.cp import check_copy
from hatchway.cli.locations import InVm, Local, Location, Stream
from hatchway.errors import InvalidRequest

THERE = InVm("my-agent", "x")
NOT_THERE = refusal("404 Not Found", "file_not_found")


def status(kind: str, size: int = 4) -> bytes:
    fields = {"type": kind, "size": size, "mode": 420, "uid": 0, "gid": 0}
    return answer(fields | {"modified_at": "2030-01-02T03:04:05Z"})


@pytest.mark.parametrize(
    ("sources", "target"),
    [
        ([Local("a")], THERE),
        ([THERE], Local("a")),
        ([Stream()], THERE),
        ([THERE], Stream()),
        ([THERE, Local("a"), THERE], THERE),
        ([THERE, THERE], Local("a")),
    ],
)
def test_what_can_be_copied(sources: list[Location], target: Location) -> None:
    check_copy(sources, target)


@pytest.mark.parametrize(
    ("sources", "target"),
    [
        ([Local("a")], Local("b")),
        ([Stream()], Stream()),
        ([THERE, Local("a")], Local("b")),
        ([THERE, THERE], Stream()),
        ([Stream(), THERE], THERE),
        ([Stream()], InVm("my-agent", "")),
        ([Stream()], InVm("my-agent", "folder/..")),
    ],
)
def test_what_cannot(sources: list[Location], target: Location) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_copy(sources, target)
    assert caught.value.code == "invalid_copy"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("target", "there", "asked"),
    [
        ("my-agent:", status("directory"), "data"),
        ("my-agent:there", status("directory"), "there/data"),
        ("my-agent:there", NOT_THERE, "there"),
        ("my-agent:there/", NOT_THERE, "there/data"),
        ("my-agent:/etc/x", status("file"), "/etc/x"),
    ],
)
async def test_a_file_goes_where_cp_would_put_it(
    run: Run, server: StubServer, tmp_path: Path, target: str, there: bytes, asked: str
) -> None:
    (tmp_path / "data").write_bytes(b"\xffdata")
    server.on("GET", f"{VM}/files/stat", there)
    server.on("PUT", f"{VM}/files", answer({"size": 5}))
    ran = await run("cp", str(tmp_path / "data"), target)
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    (request,) = server.to("PUT", f"{VM}/files")
    assert request.target.partition("?")[2].split("&")[0] == f"path={asked}"
    assert request.body == b"\xffdata"


async def test_a_file_comes_whole_or_not(run: Run, server: StubServer, tmp_path: Path) -> None:
    server.on("GET", f"{VM}/files/stat", status("file"))
    server.on("GET", f"{VM}/files", answer(b"\xffnew"))
    for target in (tmp_path / "data", tmp_path):
        assert (await run("cp", "my-agent:x/data", str(target))).code == 0
        assert (tmp_path / "data").read_bytes() == b"\xffnew"
    server.on("GET", f"{VM}/files", half)
    ran = await run("cp", "my-agent:x/data", str(tmp_path))
    assert ran.code == 1
    assert ran.err.startswith("error: the connection to ")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert (tmp_path / "data").read_bytes() == b"\xffnew"


async def test_one_that_fails_is_told_and_the_others_are_copied(
    run: Run, server: StubServer, tmp_path: Path
) -> None:
    server.on("GET", f"{VM}/files/stat", NOT_THERE, status("file"))
    server.on("GET", f"{VM}/files", answer(b"data"))
    ran = await run("cp", "my-agent:none", "my-agent:data", str(tmp_path))
    assert ran.code == 1
    assert ran.err == "error: my-agent:none: about file_not_found\n hint: a hint\n"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
