# Written by tools/generate-sync-client from tests/client/aio/test_previews.py.
"""Previews, asked for at a server that says what a test tells it to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from client.stub_server import VM, VM_ID, StubServer, answer, refusal
from hatchway.client import Preview, PreviewInfo, SyncAgent
from hatchway.errors import InvalidRequest, NotFound

GONE = refusal("404 Not Found", "vm_not_found")
ENDED = refusal("404 Not Found", "preview_not_found")
TOKEN = "abcdefghijklmnopqrstuvwxyz012345"
ID = "0123456789abcdef0123"
LISTED = {
    "id": ID,
    "port": 3000,
    "created_at": "2030-01-02T03:04:05Z",
    "expires_at": "2030-01-02T05:04:05.5+01:00",
    "forward_host": True,
    "cors": "app",
    "label": "für Ana",
}
INFO = PreviewInfo(
    id=ID,
    port=3000,
    created_at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    expires_at=datetime(2030, 1, 2, 4, 4, 5, 500_000, tzinfo=UTC),
    forward_host=True,
    cors="app",
    label="für Ana",
)


def test_previews(agent: SyncAgent, server: StubServer) -> None:
    made = {
        "id": ID,
        "token": TOKEN,
        "path": f"/fetch/{TOKEN}",
        "port": 3000,
        "expires_at": "2030-01-02T03:04:05Z",
        "url": f"http://{TOKEN}.localhost:6420/",
    }
    server.on("POST", f"{VM}/previews", answer(made, "201 Created"))
    preview = agent.create_signed_preview_url(3000)
    assert server.received[-1].json() == {"port": 3000}
    assert preview == Preview(
        id=ID,
        path=f"/fetch/{TOKEN}",
        token=TOKEN,
        port=3000,
        expires_at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        url=f"http://{TOKEN}.localhost:6420/",
    )
    agent.create_signed_preview_url(3000, 300)
    assert server.received[-1].json() == {"port": 3000, "expires_in_seconds": 300}
    assert (preview.forward_host, preview.cors) == (False, "open")
    server.on("POST", f"{VM}/previews", answer({**made, "forward_host": True, "cors": "app"}, "201 Created"))
    preview = agent.create_signed_preview_url(3000, forward_host=True, cors="app")
    assert server.received[-1].json() == {"port": 3000, "forward_host": True, "cors": "app"}
    assert (preview.forward_host, preview.cors) == (True, "app")
    assert TOKEN not in repr(preview)
    server.on("POST", f"{VM}/previews", answer({**made, "label": "für Ana"}, "201 Created"))
    assert (agent.create_signed_preview_url(3000, label="für Ana")).label == "für Ana"
    assert server.received[-1].json() == {"port": 3000, "label": "für Ana"}


def test_limits_are_the_servers_to_tell(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/previews", refusal("400 Bad Request", "invalid_port"))
    for port in (0, 70000, "abc"):
        with pytest.raises(InvalidRequest) as caught:
            agent.create_signed_preview_url(port)  # type: ignore[arg-type]
        assert caught.value.code == "invalid_port"
    wrongs: list[Any] = [{"cors": "none"}, {"cors": None}, {"forward_host": "yes"}, {"forward_host": None}]
    for wrong in (*wrongs, {"label": None}, {"label": "a\nb"}):
        with pytest.raises(InvalidRequest):
            agent.create_signed_preview_url(3000, **wrong)
        assert server.received[-1].json() == {"port": 3000, **wrong}


def test_revoking(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/previews/expire", answer({"expired": True}), answer({"expired": False}))
    assert agent.expire_signed_preview_url(TOKEN) is True
    assert agent.expire_signed_preview_url(TOKEN) is False
    assert server.received[-1].json() == {"token": TOKEN}


def test_the_list(agent: SyncAgent, server: StubServer) -> None:
    server.on("GET", f"{VM}/previews", answer({"previews": [LISTED, {**LISTED, "new_in_1.1": 1}]}))
    assert agent.list_previews() == [INFO, INFO]
    server.on("GET", f"{VM}/previews", answer({"previews": []}))
    assert agent.list_previews() == []


def test_renewing(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/previews/{ID}/renew", answer(LISTED))
    assert agent.renew_preview(ID) == INFO
    assert server.received[-1].json() == {}
    assert agent.renew_preview(ID, 600) == INFO
    assert server.received[-1].json() == {"expires_in_seconds": 600}
    server.on("POST", f"{VM}/previews/{ID}/renew", ENDED, refusal("400 Bad Request", "invalid_expiry"))
    with pytest.raises(NotFound) as ended:
        agent.renew_preview(ID)
    assert ended.value.code == "preview_not_found"
    with pytest.raises(InvalidRequest) as caught:
        agent.renew_preview(ID, "600")  # type: ignore[arg-type]
    assert caught.value.code == "invalid_expiry"
    assert server.received[-1].json() == {"expires_in_seconds": "600"}


def test_revoking_by_id_and_all(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", f"{VM}/previews/{ID}/expire", answer({"expired": True}), ENDED)
    assert agent.expire_preview(ID) is True
    assert agent.expire_preview(ID) is False
    server.on("POST", f"{VM}/previews/expire-all", answer({"expired": 2}), answer({"expired": 0}))
    assert agent.expire_all_previews() == 2
    assert agent.expire_all_previews() == 0


@pytest.mark.parametrize("wrong", ["", "..", TOKEN, None, 7])
def test_what_is_no_id_is_not_sent(agent: SyncAgent, server: StubServer, wrong: Any) -> None:
    for call in (agent.expire_preview, agent.renew_preview):
        with pytest.raises(InvalidRequest) as caught:
            call(wrong)
        assert caught.value.code == "invalid_preview_id"
        assert TOKEN not in str(caught.value)
    assert server.received == []


def test_a_destroyed_vm_has_no_previews_and_none_takes_its_place(
    agent: SyncAgent, server: StubServer
) -> None:
    for method, rest in (
        ("GET", ""),
        ("POST", "/expire"),
        ("POST", f"/{ID}/expire"),
        ("POST", "/expire-all"),
        ("POST", f"/{ID}/renew"),
    ):
        server.on(method, f"{VM}/previews{rest}", GONE)
    assert agent.list_previews() == []
    assert agent.expire_signed_preview_url(TOKEN) is False
    assert agent.expire_preview(ID) is False
    assert agent.expire_all_previews() == 0
    with pytest.raises(NotFound) as gone:
        agent.renew_preview(ID)
    assert gone.value.code == "preview_not_found"
    # Each looked the VM up once, and asked once.
    assert [one.target for one in server.received][::2] == ["/api/vms"] * 5
    assert len(server.received) == 10


def test_refusals_are_the_servers(agent: SyncAgent, server: StubServer) -> None:
    server.on("POST", "/api/vms", answer({"id": VM_ID}))
    for method, rest in (("GET", ""), ("POST", f"/{ID}/expire"), ("POST", "/expire-all")):
        server.on(method, f"{VM}/previews{rest}", refusal("404 Not Found", "something_else"))
    for call in (agent.list_previews, lambda: agent.expire_preview(ID), agent.expire_all_previews):
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.code == "something_else"
