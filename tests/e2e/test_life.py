"""Links that outlive everything: a preview of a declared service works after whatever becomes of its processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from e2e.server_process import ServerProcess
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient, Preview

pytestmark = pytest.mark.sandbox

SERVER = "require('http').createServer((q, s) => s.end('boot ' + process.env.N + ' pid ' + process.pid)).listen(3000)"
BOT = {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}


async def _declare(agent: Agent) -> None:
    await agent.write_file("/home/user/server.js", SERVER)
    await agent.service("web", "node", ["server.js"], port=3000, env={"N": "7"})


async def _visit(preview: Preview, **headers: str) -> httpx.Response:
    # Not by name: the test's own resolver may know no *.localhost.
    url = httpx.URL(preview.url)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as visitor:
        return await visitor.get(
            url.copy_with(host="127.0.0.1"), headers={"Host": url.netloc.decode(), **headers}
        )


async def test_a_link_outlives_the_server_pause_sleep_and_crashes(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        port = server.port
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("kept")
            await _declare(agent)
            preview = await agent.create_signed_preview_url(3000)
            revoked = await agent.create_signed_preview_url(3000)
            assert (await _visit(preview)).text.startswith("boot 7")
            await agent.pause()
            assert (await _visit(preview)).status_code == 200
            await agent.sleep()
            assert (await _visit(preview)).status_code == 200
            await agent.exec("kill -9 $(pgrep node)")
            assert (await _visit(preview)).status_code == 200
            await agent.expire_signed_preview_url(revoked.token)
        server.kill()
    with ServerProcess(tmp_path, "--port", str(port)) as server:
        assert (await _visit(preview)).text.startswith("boot 7")
        assert (await _visit(revoked)).status_code == 403
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("kept")
            assert [service.name for service in await agent.list_services()] == ["web"]
            assert b"server.js" not in b"".join([piece async for piece in agent.logs("web")])
            assert [one.id for one in await agent.list_previews()] == [preview.id]


async def test_a_thousand_requests_wake_a_vm_once(client: AsyncClient, agent: Agent) -> None:
    await _declare(agent)
    preview = await agent.create_signed_preview_url(3000)
    for fall in (agent.sleep, agent.pause):
        await fall()
        url = httpx.URL(preview.url)
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits) as visitor:
            answers = await asyncio.gather(
                *(
                    visitor.get(url.copy_with(host="127.0.0.1"), headers={"Host": url.netloc.decode()})
                    for _ in range(1000)
                )
            )
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1, "one process answered all of them"
    log = b"".join([piece async for piece in agent.logs("web")]).decode()
    assert log.count("started as pid") == 2


async def test_link_unfurlers_and_previews_that_must_not_do_not_wake_a_vm(agent: Agent) -> None:
    await _declare(agent)
    waking = await agent.create_signed_preview_url(3000)
    quiet = await agent.create_signed_preview_url(3000, wake=False)
    assert (waking.wake, quiet.wake) == (True, False)
    assert [one.wake for one in await agent.list_previews()] == [True, False]
    assert (await _visit(waking, **BOT)).status_code == 200, "they may look while it runs"
    for fall in (agent.pause, agent.sleep):
        state = (await fall()).state
        for refused in (await _visit(waking, **BOT), await _visit(quiet)):
            assert (refused.status_code, refused.json()["code"]) == (503, "vm_asleep")
        assert (await agent.info()).state == state
        assert (await _visit(waking)).status_code == 200
        assert (await _visit(quiet)).status_code == 200


async def test_a_vm_that_nobody_uses_is_paused_and_then_put_to_sleep(agent: Agent) -> None:
    await _declare(agent)

    async def is_in(state: str) -> bool:
        return (await agent.info()).state == state

    await agent.set_idle(pause_after=0.05, sleep_after=None)
    await eventually(lambda: is_in("paused"), "it is paused")
    assert (await agent.vm_fetch(3000)).status == 200
    async with agent.http(3000) as http:
        assert (await http.get("/")).status_code == 200
    await eventually(lambda: is_in("paused"), "it is paused again")
    await agent.set_idle(pause_after=0.05, sleep_after=0.1)
    await eventually(lambda: is_in("asleep"), "it is put to sleep")
    assert (await agent.vm_fetch(3000)).status == 200


async def test_one_that_is_used_for_long_stays_awake(agent: Agent) -> None:
    await agent.set_idle(pause_after=0.02, sleep_after=0.03)
    process = await agent.spawn("sh", ["-c", "while read line; do echo $line; done"])
    output = process.output()
    for number in range(40):
        await process.write_stdin(f"{number}\n")
        assert (await anext(output)).data == b"%d\n" % number
        await asyncio.sleep(0.01)  # so that all of it lasts longer than its idle times
    await output.aclose()
    done = await agent.exec("sleep 0.3; echo done")
    assert done.stdout == "done\n"
