"""Actions over HTTP, in every encoding."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socketserver
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from api.conftest import RawCall
from api.rivet.client_side import DIALECTS, NOTHING, Dialect, refusal
from hatchway.api.rivet import endpoint, file_actions
from hatchway.api.rivet.actions import ACTIONS
from hatchway.api.rivet.encodings import Encoding
from hatchway.errors import Unavailable
from hatchway.vm.records import Exit, FileEntry, ListingEnd, Output, SystemProcess

JSON = Dialect(Encoding.JSON, 3)
Call = Callable[..., Awaitable[Any]]


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as opened:
        yield opened


@pytest.fixture
async def actor(http: httpx.AsyncClient) -> str:
    answer = await http.put(
        "/actors?namespace=default", json={"name": "vm", "key": "k", "crash_policy": "sleep"}
    )
    return str(answer.json()["actor"]["actor_id"])


@pytest.fixture
def ask(http: httpx.AsyncClient, actor: str) -> Callable[..., Awaitable[httpx.Response]]:
    async def ask(name: str, *arguments: Any, dialect: Dialect = JSON) -> httpx.Response:
        return await http.post(
            f"/gateway/{actor}/action/{name}",
            content=dialect.arguments(list(arguments)),
            headers=dialect.headers(),
        )

    return ask


@pytest.fixture
def call(ask: Any) -> Call:
    """What an action returns, in the same way in every encoding if it is asked twice."""

    async def call(name: str, *arguments: Any, dialect: Dialect = JSON) -> Any:
        return dialect.output(await ask(name, *arguments, dialect=dialect))

    return call


@pytest.fixture(params=DIALECTS, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


async def test_each_encoding_there_and_back(call: Call, services: Any, actor: str, dialect: Dialect) -> None:
    content = bytes(range(256))
    nothing = NOTHING if dialect.encoding is not Encoding.JSON or dialect.version == 4 else None
    assert await call("writeFile", "/é\U0001f600", content, NOTHING, dialect=dialect) is nothing
    assert services.files == {(actor, "/é\U0001f600".encode()): content}
    assert await call("readFile", "/é\U0001f600", dialect=dialect) == content
    assert await call("exists", "/é\U0001f600", dialect=dialect) is True
    written = [{"path": "/$", "content": "$x"}, {"path": "/a\0", "content": b""}]
    results = await call("writeFiles", written, dialect=dialect)
    assert results[0] == {"path": "/$", "success": True}
    assert (results[1]["path"], results[1]["success"]) == ("/a\0", False)
    minted = await call("createSignedPreviewUrl", 3000, 60, dialect=dialect)
    assert minted["expiresAt"] == 2_000_060_000


async def test_a_call_by_kind_and_key(http: httpx.AsyncClient, services: Any, dialect: Dialect) -> None:
    query = "rvt-namespace=default&rvt-runner=default&rvt-crash-policy=sleep&rvt-key=a%2Cb&rvt-method="

    async def ask(method: str) -> httpx.Response:
        return await http.post(
            f"/gateway/vm/action/exists?{query}{method}",
            content=dialect.arguments(["/x", NOTHING]),
            headers=dialect.headers(),
        )

    if dialect.version == 4:  # as such a client does, whatever its name
        assert refusal(await ask("get")) == (404, "vm_not_found")
        assert services.vms == {}
        for method in ("getOrCreate", "get"):
            assert dialect.output(await ask(method)) is False
        assert list(services.vms) == [("vm", ("a", "b"))]
    assert refusal(await ask("nonsense")) == (400, "invalid_actor_query")
    assert refusal(
        await http.post(f"/gateway/other/action/exists?{query}getOrCreate", json={"args": []})
    ) == (
        404,
        "unknown_vm_kind",
    )


@pytest.mark.parametrize("token", ["s3cret", "a%2Fb%2B%3D", "%2F%2Faction%2Fx", "@@"])
async def test_a_token_in_the_path_is_no_part_of_the_id(
    http: httpx.AsyncClient, actor: str, token: str
) -> None:
    answer = await http.post(f"/gateway/{actor}@{token}/action/exists", json={"args": ["/x"]})
    assert answer.json() == {"output": False}
    assert refusal(await http.get(f"/gateway/{actor}@{token}/request/x"))[1] == "not_a_preview"


# -- each action


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


# -- refusals

WRONG: list[tuple[str, list[Any], str]] = [
    ("exec", [], "invalid_arguments"),
    ("exec", [5], "invalid_arguments"),
    ("exec", [""], "invalid_command"),
    ("exec", ["a\0b"], "invalid_command"),
    ("exec", ["ls", {"timeOut": 1}], "invalid_arguments"),
    ("exec", ["ls", {"timeout": -1}], "invalid_arguments"),
    ("exec", ["ls", {"timeout": "1"}], "invalid_arguments"),
    ("exec", ["ls", {"env": {"A=": "b"}}], "invalid_environment"),
    ("exec", ["ls", {"cwd": "/a\0"}], "invalid_path"),
    ("exec", ["ls", {}, 1], "invalid_arguments"),
    ("exec", ["ls", ["a"]], "invalid_arguments"),
    ("exec", ["ls", {"stdin": 5}], "invalid_arguments"),
    ("spawn", ["ls", "a"], "invalid_arguments"),
    ("spawn", ["ls", [1]], "invalid_arguments"),
    ("spawn", ["ls", [], {"timeout": 1}], "invalid_arguments"),
    ("writeFile", ["/a"], "invalid_arguments"),
    ("writeFile", ["/a", 5], "invalid_arguments"),
    ("writeFile", ["/a", "b", {}], "invalid_arguments"),
    ("writeFile", ["", "b"], "invalid_path"),
    ("writeFile", ["/a\0", "b"], "invalid_path"),
    ("readFile", [b"/a"], "invalid_arguments"),
    ("readFile", ["/none"], "file_not_found"),
    ("readFiles", ["/a"], "invalid_arguments"),
    ("readFiles", [[1]], "invalid_arguments"),
    ("writeFiles", [[{"path": "/a"}]], "invalid_arguments"),
    ("writeFiles", [[{"path": "/a", "content": "", "mode": 1}]], "invalid_arguments"),
    ("mkdir", ["/a", {"parents": True}], "invalid_arguments"),
    ("readdirRecursive", ["/a", {"maxDepth": -1}], "invalid_arguments"),
    ("readdirRecursive", ["/a", {"maxDepth": 0.5}], "invalid_arguments"),
    ("readdirRecursive", ["/a", {"exclude": [b"a"]}], "invalid_arguments"),
    ("stat", [], "invalid_arguments"),
    ("move", ["/a"], "invalid_arguments"),
    ("deleteFile", ["/none"], "file_not_found"),
    ("getProcess", [99], "process_not_found"),
    ("waitProcess", ["1"], "invalid_arguments"),
    ("killProcess", [0], "invalid_arguments"),
    ("writeProcessStdin", [1], "invalid_arguments"),
    ("listProcesses", [1], "invalid_arguments"),
    ("openShell", [{"cols": 0}], "invalid_arguments"),
    ("openShell", [{"rows": 1.5}], "invalid_arguments"),
    ("openShell", ["sh"], "invalid_arguments"),
    ("writeShell", ["f" * 20, ""], "shell_not_found"),
    ("writeShell", ["nonsense", ""], "shell_not_found"),
    ("resizeShell", ["f" * 20, 1], "invalid_arguments"),
    ("scheduleCron", [], "invalid_arguments"),
    ("scheduleCron", [{"schedule": "* * * * *", "action": {"type": "session"}}], "unsupported_cron_action"),
    ("scheduleCron", [{"schedule": "* * * * *", "action": {"type": "exec"}}], "invalid_arguments"),
    (
        "scheduleCron",
        [{"schedule": "* * * * *", "action": {"type": "exec", "args": ["a"]}}],
        "invalid_arguments",
    ),
    ("scheduleCron", [{"schedule": "?", "action": {"type": "exec", "command": "a"}}], "invalid_schedule"),
    ("cancelCronJob", ["é/"], "invalid_cron_id"),
    ("createSignedPreviewUrl", [], "invalid_port"),
    ("createSignedPreviewUrl", ["80"], "invalid_port"),
    ("createSignedPreviewUrl", [80, 0], "invalid_expiry"),
    ("createSignedPreviewUrl", [80, 10**12], "invalid_expiry"),
    ("expireSignedPreviewUrl", [5], "invalid_arguments"),
    ("vmFetch", [0, "/"], "invalid_port"),
    ("vmFetch", [80], "invalid_arguments"),
    ("vmFetch", [80, "ftp://x/"], "invalid_url"),
    ("vmFetch", [80, "/", {"method": "a b"}], "invalid_method"),
    ("vmFetch", [80, "/", {"headers": {"a": "b\r\nc: d"}}], "invalid_header"),
    ("vmFetch", [80, "/", {"headers": {"a": 1}}], "invalid_arguments"),
    ("vmFetch", [80, "/", {"redirect": "manual"}], "invalid_arguments"),
    ("vmFetch", [80, "/", {"body": {}}], "invalid_arguments"),
    ("nonsense", [], "unknown_action"),
    ("__class__", [], "unknown_action"),
    ("%C3%A9%00%FF" * 100, [], "unknown_action"),
]


@pytest.mark.parametrize(("name", "arguments", "code"), WRONG, ids=range(len(WRONG)))
async def test_what_is_refused(ask: Any, name: str, arguments: list[Any], code: str) -> None:
    for dialect in DIALECTS:
        status, found = refusal(await ask(name, *arguments, dialect=dialect))
        assert found == code
        assert 400 <= status < 500


@pytest.mark.parametrize("action", sorted(ACTIONS))
async def test_values_of_every_kind_are_refused_by_every_action(ask: Any, action: str) -> None:
    """Never by a fault of ours."""
    some: list[Any] = [
        float("nan"),
        float("inf"),
        -(2.0**70),
        [],
        {},
        "",
        b"",
        True,
        "\0",
        {"": NOTHING},
        [[None]],
    ]
    for dialect in (Dialect(Encoding.CBOR, 3), Dialect(Encoding.BARE, 4)):
        for one in some:
            for other in some:
                answer = await ask(action, one, other, other, dialect=dialect)
                if answer.status_code != 200:
                    assert refusal(answer)[0] < 500


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@pytest.mark.parametrize("body", [b"", b"{", b"\xff" * 10, b"[" * 100_000, b"\x81" * 100_000, b"{}", b"5"])
async def test_bodies_that_are_none(
    http: httpx.AsyncClient, actor: str, dialect: Dialect, body: bytes
) -> None:
    answer = await http.post(f"/gateway/{actor}/action/exec", content=body, headers=dialect.headers())
    assert refusal(answer)[0] == 400


async def test_a_body_may_be_so_long(
    http: httpx.AsyncClient, ask: Any, actor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "MAX_BODY_BYTES", 1000)
    for dialect in DIALECTS:
        assert refusal(await ask("writeFile", "/a", b"x" * 1000, dialect=dialect)) == (413, "body_too_large")
    for method in ("PUT", "POST"):
        answer = await http.request(method, "/actors", json={"name": "vm", "key": "k" * 1000})
        assert refusal(answer) == (413, "body_too_large")


async def test_an_encoding_that_is_not_known(http: httpx.AsyncClient, actor: str) -> None:
    answer = await http.post(
        f"/gateway/{actor}/action/exec", json={"args": []}, headers={"x-rivet-encoding": "x"}
    )
    assert refusal(answer) == (400, "invalid_encoding")


@pytest.mark.parametrize("name", ["f" * 20, "nonsense", "%00", "..", "%FF"])
async def test_a_vm_that_is_not_there(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.post(f"/gateway/{name}/action/exists", json={"args": ["/"]})
    assert answer.status_code == 404


async def test_a_failure_is_told_without_its_words(
    ask: Any, services: Any, dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    services.refusal = RuntimeError("a secret")
    answer = await ask("exec", "s3cret", dialect=dialect)
    assert refusal(answer) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "RuntimeError" in caplog.text
    assert "a secret" not in caplog.text
    assert "s3cret" not in caplog.text


async def test_nothing_is_logged_of_what_is_refused(ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "hatchway")
    await ask("exec", "s3cret", {"s3cret": 1})
    await ask("writeFile", "/a", b"s3cret")
    assert not [record for record in caplog.records if "s3cret" in record.getMessage()]


async def test_a_client_that_goes_calls_its_action_off(
    raw_call: Callable[..., RawCall], services: Any, actor: str
) -> None:
    services.script = [asyncio.Event()]
    call = raw_call("POST", f"/gateway/{actor}/action/exec")
    call.body(json.dumps({"args": ["sleep 1000"]}).encode())
    await asyncio.wait_for(services.running.wait(), 10)
    call.disconnect()
    await asyncio.wait_for(call.task, 10)
    assert services.left.is_set()
    assert call.sent == []


async def test_a_client_that_goes_within_its_body(
    raw_call: Callable[..., RawCall], actor: str, services: Any
) -> None:
    call = raw_call("POST", f"/gateway/{actor}/action/exec")
    call.body(b'{"args"', more=True)
    call.disconnect()
    await asyncio.wait_for(call.task, 10)
    assert (call.sent, services.executed) == ([], [])


@pytest.mark.parametrize("method", ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])
async def test_below_request_there_are_only_previews(
    http: httpx.AsyncClient, actor: str, method: str
) -> None:
    for rest in ("", "/", "/p/q?x=1&rvt-method=get"):
        answer = await http.request(method, f"/gateway/{actor}/request{rest}")
        assert answer.status_code == 404
        assert method == "HEAD" or refusal(answer) == (404, "not_a_preview")


@pytest.mark.parametrize(
    ("agent", "version"),
    [
        ("RivetKit/2.3.19", 4),
        ("RivetKit/2.10.0", 4),
        ("RivetKit/2.2.1", 3),
        ("RivetKit/2.x", 3),
        ("RivetKit/2.²", 3),
        ("", 3),
        ("node", 3),
    ],
)
async def test_json_says_undefined_only_to_those_who_know_it(
    http: httpx.AsyncClient, actor: str, agent: str, version: int
) -> None:
    answer = await http.post(
        f"/gateway/{actor}/action/mkdir", json={"args": ["/a"]}, headers={b"user-agent": agent.encode()}
    )
    assert answer.json() == {"output": ["$Undefined", 0] if version == 4 else None}
