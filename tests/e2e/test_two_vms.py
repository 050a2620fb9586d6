"""Two VMs at the same time: the same ports, nothing else in common."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from e2e.addresses import address
from e2e.conftest import MakeAgent
from e2e.guest import refusal_of, start_service
from e2e.server_process import ServerProcess
from hatchway import Agent

pytestmark = pytest.mark.sandbox


@pytest.fixture
def pair(make_agent: MakeAgent) -> tuple[Agent, Agent]:
    return make_agent(), make_agent()


async def test_both_serve_port_3000_with_their_own_answer(
    pair: tuple[Agent, Agent], server: ServerProcess, http: httpx.AsyncClient
) -> None:
    one, two = pair
    await asyncio.gather(start_service(one, name="one"), start_service(two, name="two"))
    previews = [await agent.create_signed_preview_url(3000) for agent in pair]

    async def ask(number: int) -> tuple[str, str]:
        fetched = await pair[number].vm_fetch(3000, "/")
        to = address("host", server, previews[number])
        return fetched.text, (await http.get(to.url, headers=to.headers)).text

    answers = await asyncio.gather(*(ask(turn % 2) for turn in range(40)))
    assert answers == [("one", "one"), ("two", "two")] * 20


async def test_files_are_not_shared(pair: tuple[Agent, Agent]) -> None:
    one, two = pair
    # Not /usr: under an ordinary user's server its folders belong to an id that the VM does not have.
    for folder in ("/home/user", "/tmp", "/var/tmp", "/dev/shm", "/etc", "/run"):
        path = f"{folder}/of-one"
        await one.write_file(path, "one's")
        assert await one.read_file(path) == b"one's"
        assert not await two.exists(path)
        assert (await refusal_of(two.read_file(path))).code == "file_not_found"
    found = await two.exec("find / -xdev -name of-one 2>/dev/null")
    assert found.stdout == ""


async def test_processes_are_not_shared(pair: tuple[Agent, Agent]) -> None:
    one, two = pair
    for _ in range(3):  # each VM counts for itself: give this one a pid that the other has not given
        await one.spawn("true")
    process = await one.spawn("sleep", ["1000.25"])
    shown = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    assert "sleep 1000.25" in (await one.exec(shown)).stdout
    assert "sleep 1000.25" not in (await two.exec(shown)).stdout
    for call in (two.wait_process, two.stop_process, two.kill_process):
        assert (await refusal_of(call(process.pid))).code == "process_not_found"
    # Every pid that exists at all on the host, tried from inside the other VM.
    await two.exec("for pid in $(seq 2 5000); do [ $pid = $$ ] || kill -9 $pid; done 2>/dev/null")
    info = (await one.list_processes())[-1]
    assert (info.pid, info.state) == (process.pid, "running")
    assert await two.list_processes() == []


async def test_sockets_are_not_shared(pair: tuple[Agent, Agent]) -> None:
    one, two = pair
    listen = (
        'const { createServer } = require("net");'
        'createServer().listen("/tmp/of-one.sock");'
        'createServer().listen("\\0of-one");'
        'createServer((s) => s.end()).listen(3100, "0.0.0.0", () => console.log("ready"));'
    )
    await one.spawn("node", ["-e", listen])
    connect = (
        "const answers = {};"
        'const ways = { file: { path: "/tmp/of-one.sock" }, abstract: { path: "\\0of-one" },'
        ' tcp: { port: 3100, host: "127.0.0.1" } };'
        "Promise.all(Object.entries(ways).map(([name, way]) => new Promise((done) => {"
        '  const socket = require("net").connect(way);'
        '  socket.on("connect", () => { answers[name] = "connected"; socket.destroy(); done(); });'
        '  socket.on("error", (error) => { answers[name] = error.code; done(); });'
        "}))).then(() => console.log(JSON.stringify(answers)));"
    )
    everywhere = {"file": "connected", "abstract": "connected", "tcp": "connected"}
    async with asyncio.timeout(20):
        while json.loads((await one.exec(["node", "-e", connect])).stdout) != everywhere:
            pass  # not listening yet
    answers = json.loads((await two.exec(["node", "-e", connect])).stdout)
    assert answers == {"file": "ENOENT", "abstract": "ECONNREFUSED", "tcp": "ECONNREFUSED"}


async def test_environments_and_names_of_files_do_not_tell_of_the_other(pair: tuple[Agent, Agent]) -> None:
    one, two = pair
    await one.exec("true", env={"SECRET_OF_ONE": "c4n4ry"})
    await one.spawn("sleep", ["1000"], env={"SECRET_OF_ONE": "c4n4ry"})
    told = await two.exec("cat /proc/[0-9]*/environ /proc/mounts /proc/self/mountinfo; env; ls -la / /home")
    assert "c4n4ry" not in told.stdout
    mounts = (await one.exec("cat /proc/self/mountinfo")).stdout
    assert mounts != ""
    assert "/data/" not in mounts
