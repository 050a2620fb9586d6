from __future__ import annotations

import json

import pytest

from cli.conftest import Run
from client.stub_server import VM_ID, StubServer, answer, refusal

TOKEN = "abcdefghijklmnopqrstuvwxyz012345"
MADE = {
    "id": "0123456789abcdef0123",
    "token": TOKEN,
    "path": f"/request/fetch/{TOKEN}",
    "port": 3000,
    "expires_at": "2030-01-02T03:04:05Z",
    "url": f"http://{TOKEN}.localhost:6420/",
    "forward_host": False,
    "cors": "open",
    "label": "",
}
PREVIEWS = ("POST", f"/api/vms/{VM_ID}/previews")
EXPIRE = ("POST", f"/api/vms/{VM_ID}/previews/expire")


async def test_create_prints_the_url_and_nothing_else(run: Run, server: StubServer) -> None:
    server.on(*PREVIEWS, answer(MADE, "201 Created"))
    ran = await run("preview", "create", "my-agent", "3000")
    assert (ran.code, ran.out) == (0, f"http://{TOKEN}.localhost:6420/\n".encode())
    assert ran.err == "port 3000, until 2030-01-02T03:04:05Z\n"
    assert server.received[-1].json() == {"port": 3000}


async def test_create_as_json(run: Run, server: StubServer) -> None:
    server.on(*PREVIEWS, answer(MADE, "201 Created"))
    ran = await run("preview", "create", "my-agent", "3000", "--expires-in", "300", "--json")
    assert json.loads(ran.out) == MADE
    assert ran.err == ""
    assert server.received[-1].json() == {"port": 3000, "expires_in_seconds": 300}


async def test_options_are_passed_on_and_their_price_is_told(run: Run, server: StubServer) -> None:
    made = {**MADE, "forward_host": True, "cors": "app"}
    server.on(*PREVIEWS, answer(made, "201 Created"))
    ran = await run("preview", "create", "my-agent", "3000", "--forward-host", "--cors", "app")
    assert (ran.code, ran.out) == (0, f"http://{TOKEN}.localhost:6420/\n".encode())
    assert server.received[-1].json() == {"port": 3000, "forward_host": True, "cors": "app"}
    assert ran.err.splitlines()[1:] == [
        "the service in the VM sees the host of this URL, and so the token in it",
        "the service answers for CORS itself",
    ]
    ran = await run("preview", "create", "my-agent", "3000", "--cors", "open", "--json")
    assert (json.loads(ran.out), ran.err) == (made, "")
    assert server.received[-1].json() == {"port": 3000}


async def test_a_mode_of_cors_that_is_none(run: Run, server: StubServer) -> None:
    ran = await run("preview", "create", "my-agent", "3000", "--cors", "none")
    assert (ran.code, ran.out) == (2, b"")
    assert "open" in ran.err
    assert "app" in ran.err
    assert server.received == []


async def test_limits_are_told(run: Run, server: StubServer) -> None:
    server.on(*PREVIEWS, refusal("400 Bad Request", "invalid_port"))
    ran = await run("preview", "create", "my-agent", "70000")
    assert (ran.code, ran.out) == (1, b"")
    assert "error: about invalid_port" in ran.err


@pytest.mark.parametrize(
    ("arguments", "stdin"), [([TOKEN], b""), (["-"], f"{TOKEN}\n".encode()), ([], f"  {TOKEN}\r\n".encode())]
)
async def test_revoke_by_argument_and_by_standard_input(
    run: Run, server: StubServer, arguments: list[str], stdin: bytes
) -> None:
    server.on(*EXPIRE, answer({"expired": True}))
    ran = await run("preview", "revoke", "my-agent", *arguments, stdin=stdin)
    assert (ran.code, ran.out, ran.err) == (0, b"", "revoked\n")
    assert server.received[-1].json() == {"token": TOKEN}


async def test_revoking_what_is_no_preview_is_no_error(run: Run, server: StubServer) -> None:
    server.on(*EXPIRE, answer({"expired": False}))
    ran = await run("preview", "revoke", "my-agent", TOKEN, "--json")
    assert (ran.code, json.loads(ran.out)) == (0, {"expired": False})
    assert TOKEN not in ran.err


async def test_no_token(run: Run, server: StubServer) -> None:
    ran = await run("preview", "revoke", "my-agent", stdin=b"\n")
    assert ran.code == 1
    assert "no token was given" in ran.err
    assert server.received == []
