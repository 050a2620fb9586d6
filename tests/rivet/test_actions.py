"""Every action, called by the npm client in each encoding, over HTTP and over a connection, in real VMs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import pytest

from e2e.server_process import ServerProcess
from hatchway import AsyncClient
from hatchway.api.rivet.actions import ACTIONS
from rivet.client_process import Encoding, Handle, NpmClient
from rivet.driver_process import ClientError
from rivet.npm_client import Installed
from rivet.values import UNDEFINED

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(120)]

ENCODINGS: tuple[Encoding, ...] = ("json", "cbor", "bare")

_SERVICE = """
require("http").createServer((request, response) => {
  const body = [];
  request.on("data", (piece) => body.push(piece)).on("end", () => {
    response.statusCode = 201;
    response.setHeader("Set-Cookie", ["a=1", "b=2"]);
    response.setHeader("X-Saw", `${request.method} ${request.url} ${request.headers["x-a"]}`);
    response.end(Buffer.concat(body));
  });
}).listen(3000);
"""
_ALL_BYTES = bytes(range(256))


class Caller(Protocol):
    """What actions can be called on: a handle, or a connection."""

    def action(self, name: str, *values: object) -> Awaitable[Any]: ...


@pytest.fixture(params=ENCODINGS)
async def client(
    request: pytest.FixtureRequest, npm_client: Installed, server: ServerProcess
) -> AsyncIterator[NpmClient]:
    async with NpmClient(npm_client.folder, server.url, request.param) as connected:
        yield connected


@pytest.fixture(params=["http", "connection"])
async def vm(request: pytest.FixtureRequest, client: NpmClient, key: list[str]) -> Caller:
    handle = await client.get_or_create(key)
    return handle if request.param == "http" else await handle.connect()


@pytest.fixture
def nothing(npm_client: Installed, client: NpmClient) -> object:
    """What an action without a result returns."""
    return None if client.encoding == "json" and npm_client.version == "2.2.1" else UNDEFINED


Step = Callable[[Caller, object], Awaitable[set[str]]]


async def files(vm: Caller, nothing: object) -> set[str]:
    assert await vm.action("mkdir", "/home/user/a/b", {"recursive": True}) == nothing
    assert await vm.action("writeFile", "/home/user/a/x.bin", _ALL_BYTES) == nothing
    assert await vm.action("writeFile", "a/text", "Grüße 🎈") == nothing
    assert await vm.action("readFile", "/home/user/a/x.bin") == _ALL_BYTES
    assert await vm.action("readFile", "/home/user/a/text") == "Grüße 🎈".encode()
    assert await vm.action(
        "writeFiles", [{"path": "n/e/w", "content": b"1"}, {"path": "/proc/no", "content": "2"}]
    ) == [
        {"path": "n/e/w", "success": True},
        {"path": "/proc/no", "success": False, "error": "no such file or folder in the VM"},
    ]
    assert await vm.action("readFiles", ["n/e/w", "/none"]) == [
        {"path": "n/e/w", "content": b"1"},
        {"path": "/none", "content": None, "error": "no such file or folder in the VM"},
    ]
    assert sorted(await vm.action("readdir", "/home/user/a")) == ["b", "text", "x.bin"]
    found = await vm.action("readdirRecursive", "/home/user", {"maxDepth": 1, "exclude": ["*.bin"]})
    assert {(each["path"], each["type"]) for each in found} == {
        ("/home/user/a", "directory"),
        ("/home/user/a/b", "directory"),
        ("/home/user/a/text", "file"),
        ("/home/user/n", "directory"),
        ("/home/user/n/e", "directory"),
    }
    stat = await vm.action("stat", "/home/user/a/x.bin")
    assert (stat["size"], stat["isDirectory"], stat["isSymbolicLink"]) == (256, False, False)
    assert abs(stat["mtimeMs"] / 1000 - time.time()) < 60
    assert await vm.action("exists", "/home/user/a/text") is True
    assert await vm.action("move", "/home/user/a/text", "/home/user/moved") == nothing
    assert await vm.action("exists", "/home/user/a/text") is False
    assert await vm.action("deleteFile", "/home/user/moved") == nothing
    assert await vm.action("deleteFile", "/home/user/a", {"recursive": True}) == nothing
    assert await vm.action("readdir", "/home/user") == ["n"]
    return {
        *("mkdir", "writeFile", "readFile", "writeFiles", "readFiles", "readdir", "readdirRecursive"),
        *("stat", "exists", "move", "deleteFile"),
    }


async def processes(vm: Caller, nothing: object) -> set[str]:
    ran = await vm.action(
        "exec",
        "cat; echo $A; pwd; exit 3",
        {"env": {"A": "b"}, "cwd": "/tmp", "stdin": "in\n", "timeout": 20_000},
    )
    assert ran == {"exitCode": 3, "stdout": "in\nb\n/tmp\n", "stderr": ""}
    assert (await vm.action("exec", "sleep 60", {"timeout": 50}))["exitCode"] == 137
    pid = (await vm.action("spawn", "cat", UNDEFINED, {"env": {}}))["pid"]
    assert await vm.action("getProcess", pid) == {
        "pid": pid,
        "command": "cat",
        "args": [],
        "running": True,
        "exitCode": None,
    }
    assert await vm.action("writeProcessStdin", pid, _ALL_BYTES) == nothing
    assert await vm.action("closeProcessStdin", pid) == nothing
    assert await vm.action("waitProcess", pid) == 0
    (odd,) = [await vm.action("spawn", "sh", ["-c", "exec sleep 1000"])]
    listed = {each["pid"]: each["running"] for each in await vm.action("listProcesses")}
    assert listed == {pid: False, odd["pid"]: True}
    everyone = await vm.action("allProcesses")
    assert {"pid", "ppid", "command", "args", "status", "startTime"} <= everyone[0].keys()
    (root,) = await vm.action("processTree")
    assert root["pid"] == 1
    assert odd["pid"] in [each["pid"] for each in root["children"]]
    assert await vm.action("stopProcess", odd["pid"]) == nothing
    assert await vm.action("waitProcess", odd["pid"]) == 143
    last = (await vm.action("spawn", "sh", ["-c", "trap '' TERM; sleep 1000"]))["pid"]
    assert await vm.action("killProcess", last) == nothing
    assert await vm.action("waitProcess", last) == 137
    told = await vm.action("spawn", "echo", ["$HOME", "x"])  # which looks like a tag of the protocol's own
    assert await vm.action("waitProcess", told["pid"]) == 0
    assert (await vm.action("getProcess", told["pid"]))["args"] == ["$HOME", "x"]
    return {
        *(
            "exec",
            "spawn",
            "getProcess",
            "writeProcessStdin",
            "closeProcessStdin",
            "waitProcess",
            "listProcesses",
        ),
        *("allProcesses", "processTree", "stopProcess", "killProcess"),
    }


async def services_and_previews(vm: Caller, nothing: object) -> set[str]:
    await vm.action("writeFile", "/home/user/server.js", _SERVICE)
    await vm.action("spawn", "node", ["/home/user/server.js"])
    answer = await vm.action("vmFetch", 3000, "/")
    assert (answer["status"], answer["statusText"], answer["body"]) == (201, "Created", b"")
    assert answer["headers"]["set-cookie"] == "a=1, b=2"
    assert [value for name, value in answer["rawHeaders"] if name == "set-cookie"] == ["a=1", "b=2"]
    options = {"method": "POST", "headers": {"X-A": "b"}, "body": _ALL_BYTES}
    answer = await vm.action("vmFetch", 3000, "http://elsewhere.example/p?q=1", options)
    assert (answer["body"], answer["headers"]["x-saw"]) == (_ALL_BYTES, "POST /p?q=1 b")
    before = time.time() * 1000
    preview = await vm.action("createSignedPreviewUrl", 3000, 300)
    assert (preview["port"], preview["path"]) == (3000, f"/request/fetch/{preview['token']}")
    assert before + 299_000 < preview["expiresAt"] < before + 360_000
    assert await vm.action("expireSignedPreviewUrl", preview["token"]) == nothing
    assert await vm.action("expireSignedPreviewUrl", preview["token"]) == nothing
    return {"vmFetch", "createSignedPreviewUrl", "expireSignedPreviewUrl"}


async def shells(vm: Caller, nothing: object) -> set[str]:
    shell = (await vm.action("openShell", {"command": "sh", "cols": 100, "env": {"PS1": "> "}}))["shellId"]
    assert await vm.action("resizeShell", shell, 120, 40) == nothing
    assert await vm.action("writeShell", shell, b"stty size > /home/user/size\n") == nothing
    while not await vm.action("exists", "/home/user/size"):
        pass
    while (size := await vm.action("readFile", "/home/user/size")) == b"":
        pass
    assert size == b"40 120\n"
    assert await vm.action("closeShell", shell) == nothing
    return {"openShell", "resizeShell", "writeShell", "closeShell"}


async def cron_jobs(vm: Caller, nothing: object) -> set[str]:
    action = {"type": "exec", "command": "rm", "args": ["-rf", "/tmp/cache"]}
    assert await vm.action("scheduleCron", {"id": "tidy", "schedule": "0 * * * *", "action": action}) == {
        "id": "tidy"
    }
    (job,) = await vm.action("listCronJobs")
    assert (job["id"], job["action"], job["overlap"]) == ("tidy", action, "allow")
    assert job["nextRun"] > time.time() * 1000
    assert await vm.action("cancelCronJob", "tidy") == nothing
    assert await vm.action("listCronJobs") == []
    return {"scheduleCron", "listCronJobs", "cancelCronJob"}


STEPS: tuple[Step, ...] = (files, processes, services_and_previews, shells, cron_jobs)


async def test_every_action(vm: Caller, nothing: object) -> None:
    called = await asyncio.gather(*(step(vm, nothing) for step in STEPS[:1]))
    for step in STEPS[1:]:
        called.append(await step(vm, nothing))
    assert set().union(*called) == ACTIONS.keys()


@pytest.mark.parametrize(
    ("name", "values", "code", "message"),
    [
        ("vmFetch", (0, "/"), "invalid_port", "port must be a whole number between 1 and 65535"),
        ("vmFetch", ("abc", "/"), "invalid_port", "port must be a whole number between 1 and 65535"),
        (
            "createSignedPreviewUrl",
            (70_000,),
            "invalid_port",
            "port must be a whole number between 1 and 65535",
        ),
        (
            "createSignedPreviewUrl",
            (3000, 86_401),
            "invalid_expiry",
            "expires_in_seconds must be between 1 and 86400",
        ),
        ("readFile", ("/none",), "file_not_found", "no such file or folder in the VM"),
        ("spawn", ("none",), "command_not_found", None),
        ("exec", ("true", {"tiemout": 1}), "invalid_arguments", None),
        ("getProcess", (999,), "process_not_found", None),
        ("sendPrompt", ("x",), "unknown_action", "this server has no action named 'sendPrompt'"),
    ],
)
async def test_a_refusal_is_raised_once_and_says_why(
    client: NpmClient, vm: Caller, name: str, values: tuple[object, ...], code: str, message: str | None
) -> None:
    await vm.action("exists", "/")  # so that what follows is one request
    await client.requests()
    with pytest.raises(ClientError) as refused:
        await vm.action(name, *values)
    assert (refused.value.group, refused.value.code) == ("hatchway", code)
    assert message is None or refused.value.message == message
    assert len(await client.requests()) == isinstance(vm, Handle)


async def test_handles_find_the_same_vm(client: NpmClient, key: list[str]) -> None:
    made = await client.create(key)
    await made.action("writeFile", "/home/user/x", "1")
    vm_id = await made.resolve()
    for handle in (await client.get_or_create(key), await client.get(key), await client.get_for_id(vm_id)):
        assert await handle.action("readFile", "/home/user/x") == b"1"
    with pytest.raises(ClientError) as there:
        await client.create(key)
    assert there.value.code == "key_in_use"
    with pytest.raises(ClientError) as missing:
        await (await client.get([*key, "none"])).action("exists", "/")
    assert missing.value.code in {"vm_not_found", "not_found"}  # the second is the client's own


async def test_keys_do_not_collide(client: NpmClient, key: list[str]) -> None:
    keys = [
        [*key, "a/b"],
        [*key, "a", "b"],
        [*key, "a\\/b"],
        [*key, "", "a"],
        [*key, "a", ""],
        [*key, "\\0a"],
    ]
    for number, each in enumerate(keys):
        await client.action(each, "writeFile", "/home/user/which", str(number))
    for number, each in enumerate(keys):
        assert await client.action(each, "readFile", "/home/user/which") == str(number).encode()


async def test_a_key_of_the_client_is_that_of_every_other(
    client: NpmClient, key: list[str], server: ServerProcess
) -> None:
    await client.action(key, "writeFile", "/home/user/x", "from JavaScript")
    async with AsyncClient(server.url) as ours:
        assert await ours.vm.get_or_create(key).read_file("x") == b"from JavaScript"
