# Written by tools/generate-sync-client from tests/typing/aio/refused.py.
"""What a type checker must refuse: each line that names an error, by that error and no other. Checked, never run."""

from __future__ import annotations

from hatchway import Client, Preview, SyncAgent


def clients(client: Client) -> None:
    Client(5)  # error: arg-type
    Client("http://localhost", tokne="t")  # error: call-arg
    client.vm.get_or_create(5)  # error: arg-type
    client.vm.get_or_create()  # error: call-arg


def files(agent: SyncAgent) -> None:
    agent.write_file("a", 5)  # error: arg-type
    agent.write_file("a", "b", 0o755)  # error: call-arg misc
    agent.read_file(5)  # error: arg-type
    text: str = agent.read_file("a")  # error: assignment
    agent.mkdir("a", True)  # error: call-arg misc
    agent.readdir_recursive("a", max_depth="2")  # error: arg-type
    agent.upload(5, "a")  # error: arg-type
    agent.download("a")  # error: call-arg


def processes(agent: SyncAgent) -> None:
    agent.exec(5)  # error: arg-type
    agent.exec("ls", timeout="1")  # error: arg-type
    agent.exec("ls", env={"A": 1})  # error: dict-item
    agent.spawn(["node"])  # error: arg-type
    agent.kill_process("1")  # error: arg-type
    agent.signal_process(1, 1.5)  # error: arg-type
    agent.process(1).write_stdin(5)  # error: arg-type
    agent.process("1")  # error: arg-type


def services(agent: SyncAgent) -> None:
    agent.vm_fetch("3000")  # error: arg-type
    agent.vm_fetch(3000, "/", "POST")  # error: call-arg misc
    agent.vm_fetch(3000, body={"key": "value"})  # error: arg-type dict-item
    agent.http("3000")  # error: arg-type
    agent.websocket(3000, b"/")  # error: arg-type


def cron(agent: SyncAgent) -> None:
    agent.schedule_cron("@daily")  # error: call-arg
    agent.schedule_cron("@daily", "true", overlap="maybe")  # error: arg-type
    agent.cancel_cron_job(5)  # error: arg-type


def previews(agent: SyncAgent, preview: Preview) -> None:
    agent.create_signed_preview_url(3000, cors="none")  # error: arg-type
    agent.create_signed_preview_url(3000, 60, True)  # error: call-arg misc
    preview.token = "other"  # error: misc
    preview.tokne  # error: attr-defined
