"""What each action does."""

from __future__ import annotations

import signal
import socketserver
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.rivet.client_side import Dialect, refusal
from hatchway.api.rivet import file_actions
from hatchway.api.rivet.actions import ACTIONS
from hatchway.errors import Unavailable
from hatchway.vm.records import Exit, FileEntry, ListingEnd, Output, SystemProcess

Call = Callable[..., Awaitable[Any]]


async def test_files(call: Call, services: Any, actor: str) -> None:
    await call("writeFile", "/a", "text")
    assert await call("readFile", "/a") == b"text"
    first, second, third = await call("readFiles", ["/a", "/none", "/a\0"])
    assert first == {"path": "/a", "content": b"text"}
    assert second == {"path": "/none", "content": None, "error": "there is no such file"}
    assert (third["path"], third["content"]) == ("/a\0", None)
    await call("mkdir", "/d")
    await call("mkdir", "/d/e", {"recursive": True})
    await call("move", "/a", "/b")
    await call("deleteFile", "/a")
    await call("writeFile", "/a", b"")
    await call("deleteFile", "/a", {"recursive": True})
    assert await call("exists", "/a") is False
    assert services.done == [
        ("write", b"/a", False),
        ("mkdir", b"/d", False, None),
        ("mkdir", b"/d/e", True, None),
        ("move", b"/a", b"/b"),
        ("delete", b"/a", False),
        ("write", b"/a", False),
        ("delete", b"/a", True),
    ]


async def test_many_files(call: Call, services: Any, actor: str) -> None:
    written = [{"path": "/d/a", "content": "text"}, {"path": "/d/b", "content": b"\xff"}]
    assert await call("writeFiles", written) == [
        {"path": "/d/a", "success": True},
        {"path": "/d/b", "success": True},
    ]
    assert services.files == {(actor, b"/d/a"): b"text", (actor, b"/d/b"): b"\xff"}
    assert services.done == [("write", b"/d/a", True), ("write", b"/d/b", True)]


async def test_stat(call: Call) -> None:
    await call("writeFile", "/a", "text")
    assert await call("stat", "/a") == {
        "mode": 0o100644,
        "size": 4,
        "isDirectory": False,
        "isSymbolicLink": False,
        "mtimeMs": 1_000_000_500,
        "uid": 1,
        "gid": 2,
    }
    assert (await call("stat", "/link"))["mode"] == 0o120777


async def test_folders(call: Call, services: Any) -> None:
    services.listing = [
        [FileEntry(b"a\xff", "file", 3), FileEntry(b"d", "directory", 0)],
        ListingEnd(2, 0),
    ]
    assert await call("readdir", "/f") == ["a\ufffd", "d"]
    assert await call("readdirRecursive", "/f/") == [
        {"path": "/f/a\ufffd", "type": "file", "size": 3},
        {"path": "/f/d", "type": "directory", "size": 0},
    ]
    await call("readdirRecursive", "/", {"maxDepth": 0, "exclude": ["x", "é"]})
    assert services.done == [
        ("list", b"/f", 1),
        ("list", b"/f/", None),
        ("list", b"/", 1, b"x", "é".encode()),
    ]


@pytest.mark.parametrize(
    ("listing", "code"),
    [
        ([[FileEntry(b"a", "file", 0)] * 4, ListingEnd(4, 0)], "listing_too_long"),
        ([[]], "listing_lost"),
        ([Unavailable("vm_failed", "gone")], "vm_failed"),
    ],
)
async def test_lists_that_are_refused(
    ask: Any, services: Any, monkeypatch: pytest.MonkeyPatch, listing: Any, code: str
) -> None:
    monkeypatch.setattr(file_actions, "MAX_ENTRIES", 3)
    services.listing = listing
    for name in ("readdir", "readdirRecursive"):
        assert refusal(await ask(name, "/"))[1] == code


async def test_files_that_are_too_large(
    ask: Any, call: Call, services: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_actions, "MAX_FILE_BYTES", 10)
    await call("writeFile", "/a", b"x" * 10)
    await call("writeFile", "/b", b"x" * 11)
    assert len(await call("readFile", "/a")) == 10
    assert refusal(await ask("readFile", "/b")) == (409, "file_too_large")
    results = await call("readFiles", ["/a", "/a"])
    assert [each["content"] is None for each in results] == [False, True]
    services.size_error = -1
    assert refusal(await ask("readFile", "/a"))[1] == "file_changed"


async def test_exec(call: Call, services: Any) -> None:
    services.script = [Output("stdout", b"a\xff"), Output("stderr", b"b"), Exit(3, None)]
    expected = {"exitCode": 3, "stdout": "a\ufffd", "stderr": "b"}
    assert await call("exec", "ls") == expected
    options = {"env": {"A": "b"}, "cwd": "/x", "stdin": b"\xff", "timeout": 1500}
    assert await call("exec", "ls | cat", options) == expected
    plain, full = services.executed
    assert (plain.env, plain.timeout) == ({}, None)
    assert (full.env, full.timeout) == ({"A": "b"}, 1.5)
    assert "\\xff" in repr(full.stdin)
    services.script = [Exit(None, 9)]
    assert (await call("exec", "x", {"stdin": "text"}))["exitCode"] == 137


async def test_processes(call: Call, services: Any) -> None:
    nothing = None
    assert await call("spawn", "node") == {"pid": 2}
    assert await call("spawn", "node", ["a", "b"], {"env": {"A": "b"}, "cwd": "/x"}) == {"pid": 3}
    assert services.spawned[1].args == ["a", "b"]
    shown = {"pid": 3, "command": "node", "args": ["a", "b"], "running": True, "exitCode": None}
    assert await call("getProcess", 3) == shown
    assert [each["pid"] for each in await call("listProcesses")] == [2, 3]
    assert await call("writeProcessStdin", 3, b"\xff") is nothing
    assert await call("writeProcessStdin", 3, "é") is nothing
    assert services.stdin == b"\xff" + "é".encode()
    await call("closeProcessStdin", 3)
    assert services.closed_stdin == [3]
    await call("stopProcess", 3)
    await call("killProcess", 3)
    assert services.signals == [(3, signal.SIGTERM), (3, signal.SIGKILL)]
    assert await call("waitProcess", 3) == 128 + 15


async def test_every_process(call: Call, services: Any) -> None:
    services.system_processes = [
        SystemProcess(1, 0, (b"init",), "running", 1.5, 0, False),
        SystemProcess(5, 1, (b"a\xff", b"b"), "sleeping", 2.0, 0, True),
        SystemProcess(6, 5, (), "zombie", 3.0, 0, False),
    ]
    shown = [
        {"pid": 1, "ppid": 0, "command": "init", "args": [], "status": "running", "startTime": 1500},
        {"pid": 5, "ppid": 1, "command": "a\ufffd", "args": ["b"], "status": "running", "startTime": 2000},
        {"pid": 6, "ppid": 5, "command": "", "args": [], "status": "exited", "startTime": 3000},
    ]
    assert await call("allProcesses") == shown
    (tree,) = await call("processTree")
    assert tree["children"][0]["children"][0] == {**shown[2], "children": []}


async def test_a_tree_of_processes_may_be_too_deep(ask: Any, services: Any, dialect: Dialect) -> None:
    services.system_processes = [
        SystemProcess(number, number - 1, (), "running", 0.0, 0, False) for number in range(1, 5000)
    ]
    assert refusal(await ask("processTree", dialect=dialect)) == (500, "answer_too_deep")
    assert len(dialect.output(await ask("allProcesses", dialect=dialect))) == 4999


async def test_shells(call: Call, services: Any) -> None:
    shell = (await call("openShell"))["shellId"]
    await call(
        "openShell", {"command": "sh", "args": ["-l"], "env": {"A": "b"}, "cwd": "/", "cols": 100, "rows": 30}
    )
    first, second = services.opened
    assert (first.command, first.cols, first.rows) == (None, 80, 24)
    assert (second.command, second.args, second.cols, second.rows) == ("sh", ["-l"], 100, 30)
    await call("writeShell", shell, "ls\r")
    await call("writeShell", shell, b"\xff")
    await call("resizeShell", shell, 10, 20)
    await call("closeShell", shell)
    assert services.typed == [(shell, b"ls\r"), (shell, b"\xff")]
    assert services.shell_sizes == [(shell, 10, 20)]
    assert services.closed_shells == [shell]


async def test_cron_jobs(call: Call, services: Any, actor: str) -> None:
    job = {"id": "j", "schedule": "* * * * *", "action": {"type": "exec", "command": "a", "args": ["b"]}}
    assert await call("scheduleCron", {**job, "overlap": "skip"}) == {"id": "j"}
    made = await call(
        "scheduleCron", {"schedule": "0 0 * * *", "action": {"type": "exec", "command": "ls | cat"}}
    )
    assert services.jobs[actor, "j"].job.command == ["a", "b"]
    assert services.jobs[actor, made["id"]].job.command == "ls | cat"
    told = {each["id"]: each for each in await call("listCronJobs")}
    assert told["j"] == {
        "id": "j",
        "schedule": "* * * * *",
        "action": {"type": "exec", "command": "a", "args": ["b"]},
        "overlap": "skip",
        "runCount": 0,
        "running": False,
        "nextRun": 1_000_020_000,
    }
    await call("cancelCronJob", "j")
    await call("cancelCronJob", "j")
    assert list(services.jobs) == [(actor, made["id"])]


async def test_previews(call: Call, services: Any) -> None:
    minted = await call("createSignedPreviewUrl", 3000)
    assert set(minted) == {"path", "token", "port", "expiresAt", "url"}
    assert minted["path"].endswith(f"/fetch/{minted['token']}")
    await call("expireSignedPreviewUrl", minted["token"])
    await call("expireSignedPreviewUrl", minted["token"])
    assert services.previews == {}


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.rfile.readline()
        self.wfile.write(
            b"HTTP/1.1 201 Made\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: %d\r\n\r\n%s"
            % (len(head), head)
        )


@pytest.fixture
def echo(services: Any) -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        services.listening[3000] = server.server_address[1]
        yield 3000
        server.shutdown()
        thread.join()


async def test_vm_fetch(call: Call, ask: Any, echo: int, dialect: Dialect) -> None:
    answer = await call(
        "vmFetch",
        echo,
        "http://ignored/a?b#c",
        {"method": "post", "headers": {"X-A": "é", "Host": "no"}, "body": b""},
        dialect=dialect,
    )
    assert (answer["status"], answer["statusText"]) == (201, "Made")
    assert answer["headers"]["set-cookie"] == "a=1, b=2"
    assert answer["rawHeaders"][:2] == [["set-cookie", "a=1"], ["set-cookie", "b=2"]]
    assert answer["body"].startswith(b"POST /a?b HTTP/1.1\r\nHost: localhost:3000\r\nX-A: \xe9\r\n")
    assert refusal(await ask("vmFetch", 3001, "/", dialect=dialect)) == (502, "port_closed")


async def test_every_action_was_called() -> None:
    """So that none is added without a test here."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in ACTIONS if f'"{name}"' not in text] == []
