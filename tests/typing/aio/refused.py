"""What a type checker must refuse: each line that names an error, by that error and no other. Checked, never run."""

from __future__ import annotations

from hatchway import Agent, AsyncClient, Preview


async def clients(client: AsyncClient) -> None:
    AsyncClient(5)  # error: arg-type
    AsyncClient("http://localhost", tokne="t")  # error: call-arg
    client.vm.get_or_create(5)  # error: arg-type
    client.vm.get_or_create()  # error: call-arg


async def files(agent: Agent) -> None:
    await agent.write_file("a", 5)  # error: arg-type
    await agent.write_file("a", "b", 0o755)  # error: call-arg misc
    await agent.read_file(5)  # error: arg-type
    text: str = await agent.read_file("a")  # error: assignment
    await agent.mkdir("a", True)  # error: call-arg misc
    await agent.readdir_recursive("a", max_depth="2")  # error: arg-type
    await agent.upload(5, "a")  # error: arg-type
    await agent.download("a")  # error: call-arg


async def processes(agent: Agent) -> None:
    await agent.exec(5)  # error: arg-type
    await agent.exec("ls", timeout="1")  # error: arg-type
    await agent.exec("ls", env={"A": 1})  # error: dict-item
    await agent.spawn(["node"])  # error: arg-type
    await agent.kill_process("1")  # error: arg-type
    await agent.signal_process(1, 1.5)  # error: arg-type
    await agent.process(1).write_stdin(5)  # error: arg-type
    agent.process("1")  # error: arg-type


async def services(agent: Agent) -> None:
    await agent.vm_fetch("3000")  # error: arg-type
    await agent.vm_fetch(3000, "/", "POST")  # error: call-arg misc
    await agent.vm_fetch(3000, body={"key": "value"})  # error: arg-type dict-item
    agent.http("3000")  # error: arg-type
    agent.websocket(3000, b"/")  # error: arg-type


async def cron(agent: Agent) -> None:
    await agent.schedule_cron("@daily")  # error: call-arg
    await agent.schedule_cron("@daily", "true", overlap="maybe")  # error: arg-type
    await agent.cancel_cron_job(5)  # error: arg-type


async def previews(agent: Agent, preview: Preview) -> None:
    await agent.create_signed_preview_url(3000, cors="none")  # error: arg-type
    await agent.create_signed_preview_url(3000, 60, True)  # error: call-arg misc
    preview.token = "other"  # error: misc
    preview.tokne  # error: attr-defined
