from __future__ import annotations

import json
import re
import webbrowser

import pytest

from cli.conftest import Run
from client.stub_server import VM, VM_ID, StubServer, answer, refusal
from hatchway.cli.qr_code import qr_lines

TOKEN = "abcdefghijklmnopqrstuvwxyz012345"
ID = "0123456789abcdef0123"
MADE = {
    "id": ID,
    "token": TOKEN,
    "path": f"/request/fetch/{TOKEN}",
    "port": 3000,
    "expires_at": "2030-01-02T03:04:05Z",
    "url": f"http://{TOKEN}.localhost:6420/",
    "forward_host": False,
    "cors": "open",
    "label": "",
    "wake": True,
}
PREVIEWS = ("POST", f"{VM}/previews")
EXPIRE = ("POST", f"{VM}/previews/expire")
LISTED = {
    "id": ID,
    "port": 3000,
    "created_at": "2030-01-02T03:04:05Z",
    "expires_at": "2030-01-02T04:04:05.250000Z",
    "forward_host": False,
    "cors": "open",
    "label": "",
    "wake": True,
}


@pytest.fixture(autouse=True)
def _the_vm_is_there(server: StubServer) -> None:
    vm = {
        "id": VM_ID,
        "name": "vm",
        "key": ["my-agent"],
        "state": "asleep",
        "created_at": "2030-01-02T03:04:05Z",
    }
    server.on("GET", "/api/vms", answer({"vms": [vm]}))


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


async def test_a_label_and_a_qr_code(run: Run, server: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on(*PREVIEWS, answer({**MADE, "label": "für Ana"}, "201 Created"))
    ran = await run("preview", "create", "my-agent", "3000", "--label", "für Ana", "--qr")
    assert (ran.code, ran.out) == (0, f"http://{TOKEN}.localhost:6420/\n".encode())
    assert server.received[-1].json() == {"port": 3000, "label": "für Ana"}
    lines = ran.err.splitlines()
    assert lines[1:-1] == qr_lines(f"http://{TOKEN}.localhost:6420/", inverted=True)
    assert "only this machine can open it" in lines[-1]
    made = {**MADE, "url": f"https://{TOKEN}.preview.example.com/"}
    server.on(*PREVIEWS, answer(made, "201 Created"))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    ran = await run("preview", "create", "my-agent", "3000", "--qr", "--json")
    assert json.loads(ran.out) == made
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", ran.err).splitlines()
    assert drawn == qr_lines(f"https://{TOKEN}.preview.example.com/")
    assert ran.err.count("\x1b[") >= len(drawn), "dark on light, whatever the terminal's colours"


async def test_the_list(run: Run, server: StubServer) -> None:
    other = {**LISTED, "port": 80, "label": "a\tb\x1b[2J", "forward_host": True, "cors": "app"}
    server.on("GET", f"{VM}/previews", answer({"previews": [LISTED, other]}))
    ran = await run("preview", "list", "my-agent")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.decode() == (
        f"{ID}\t3000\t\t2030-01-02T04:04:05Z\t\n"
        f"{ID}\t80\ta\ufffdb\ufffd[2J\t2030-01-02T04:04:05Z\tforward-host,cors=app\n"
    )
    ran = await run("preview", "list", "my-agent", "--json")
    assert (json.loads(ran.out), ran.err) == ([LISTED, other], "")
    server.on("GET", f"{VM}/previews", answer({"previews": []}))
    ran = await run("preview", "list", "my-agent")
    assert (ran.code, ran.out, ran.err) == (0, b"", "this VM has no live previews\n")
    assert server.to("POST", "/api/vms") == []


async def test_renewing(run: Run, server: StubServer) -> None:
    server.on("POST", f"{VM}/previews/{ID}/renew", answer(LISTED))
    ran = await run("preview", "renew", "my-agent", ID)
    assert (ran.code, ran.out, ran.err) == (0, b"2030-01-02T04:04:05Z\n", "")
    assert server.received[-1].json() == {}
    ran = await run("preview", "renew", "my-agent", ID, "--expires-in", "600", "--json")
    assert json.loads(ran.out) == LISTED
    assert server.received[-1].json() == {"expires_in_seconds": 600}
    server.on("POST", f"{VM}/previews/{ID}/renew", refusal("404 Not Found", "preview_not_found"))
    ran = await run("preview", "renew", "my-agent", ID)
    assert (ran.code, ran.out, ran.err) == (1, b"", "error: about preview_not_found\n hint: a hint\n")
    ran = await run("preview", "renew", "my-agent", TOKEN)
    assert ran.code == 1
    assert TOKEN not in ran.err


async def test_revoking_by_id(run: Run, server: StubServer) -> None:
    ended = refusal("404 Not Found", "preview_not_found")
    server.on("POST", f"{VM}/previews/{ID}/expire", answer({"expired": True}), ended)
    ran = await run("preview", "revoke", "my-agent", "--id", ID, "--json")
    assert (ran.code, json.loads(ran.out), ran.err) == (0, {"expired": True}, "revoked\n")
    ran = await run("preview", "revoke", "my-agent", "--id", ID)
    assert (ran.code, ran.out, ran.err) == (0, b"", "there was no live preview with this id\n")


async def test_revoking_all(run: Run, server: StubServer) -> None:
    server.on("POST", f"{VM}/previews/expire-all", answer({"expired": 1}), answer({"expired": 2}))
    ran = await run("preview", "revoke", "my-agent", "--all")
    assert (ran.code, ran.out, ran.err) == (0, b"", "1 preview revoked\n")
    ran = await run("preview", "revoke", "my-agent", "--all", "--json")
    assert (json.loads(ran.out), ran.err) == ({"expired": 2}, "2 previews revoked\n")


@pytest.mark.parametrize(
    "arguments", [[TOKEN, "--all"], [TOKEN, "--id", ID], ["--all", "--id", ID], ["-", "--all"]]
)
async def test_one_way_to_revoke_at_a_time(run: Run, server: StubServer, arguments: list[str]) -> None:
    ran = await run("preview", "revoke", "my-agent", *arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert TOKEN not in ran.err
    assert server.received == []


@pytest.mark.parametrize("command", [["list"], ["revoke", "--all"], ["renew", ID], ["revoke", TOKEN]])
async def test_no_vm_is_made_for_previews_that_are_there(
    run: Run, server: StubServer, command: list[str]
) -> None:
    server.on("GET", "/api/vms", answer({"vms": []}))
    ran = await run("preview", command[0], "my-agent", *command[1:])
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err.startswith("error: there is no VM of this kind with this key\n")
    assert {one.method for one in server.received} == {"GET"}


async def test_open_in_a_browser(run: Run, server: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def browser(url: str) -> bool:
        opened.append(url)
        return len(opened) == 1

    monkeypatch.setattr(webbrowser, "open", browser)
    server.on(*PREVIEWS, answer(MADE, "201 Created"))
    url = f"http://{TOKEN}.localhost:6420/"
    ran = await run("preview", "open", "my-agent", "3000", "--expires-in", "60", "--label", "x")
    assert (ran.code, ran.out, opened) == (0, b"", [url])
    assert ran.err == "port 3000, until 2030-01-02T03:04:05Z\n"
    assert server.received[-1].json() == {"port": 3000, "expires_in_seconds": 60, "label": "x"}
    ran = await run("preview", "open", "my-agent", "3000")
    assert (ran.code, ran.out, opened) == (0, f"{url}\n".encode(), [url, url])
    assert ran.err.startswith("no browser was found to open it\n")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "--help", "javascript:alert(1)", "/bin/sh", ""])
async def test_what_is_no_web_address_is_not_opened(
    run: Run, server: StubServer, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    server.on(*PREVIEWS, answer({**MADE, "url": url}, "201 Created"))
    ran = await run("preview", "open", "my-agent", "3000")
    assert (ran.code, ran.out, opened) == (0, f"{url}\n".encode(), [])
