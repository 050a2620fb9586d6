from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cli.conftest import Run
from client.stub_server import VM, Received, StubServer, answer, cut, half, never, refusal
from hatchway import __version__

ROOT = f"{VM}/ports/3000/"


def on_root(server: StubServer, method: str = "GET", body: bytes = b"body\n", **headers: str) -> None:
    server.on(method, ROOT, answer(body, **headers))


async def test_the_body_goes_to_standard_output_as_it_came(run: Run, server: StubServer) -> None:
    on_root(server, body=b"\x00\xff gz", Content_Encoding="gzip")
    ran = await run("fetch", "my-agent", "3000")
    assert (ran.code, ran.out, ran.err) == (0, b"\x00\xff gz", "")
    (request,) = server.to("GET", ROOT)
    assert [(name.lower(), value) for name, value in request.headers] == [
        ("host", server.url.removeprefix("http://")),
        ("user-agent", f"hatchway/{__version__}"),
        ("accept", "*/*"),
    ]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/a b?c=d#e", "a%20b?c=d"),
        ("x", "x"),
        ("//host/x", "/host/x"),
        ("http://localhost:9/y?z", "y?z"),
        ("/..%2f/%2e%2e/a", "a"),
        ("/[x]?[y]", "[x]?[y]"),
    ],
)
async def test_paths(run: Run, server: StubServer, path: str, target: str) -> None:
    server.on("GET", (ROOT + target).partition("?")[0], answer(b"yes"))
    ran = await run("fetch", "my-agent", "3000", path)
    assert (ran.out, server.received[-1].target) == (b"yes", ROOT + target)


async def test_a_body_is_posted_as_a_form_unless_said_otherwise(run: Run, server: StubServer) -> None:
    on_root(server, "POST")
    await run("fetch", "my-agent", "3000", "-d", "a=1", "-d", "b=ü\n")
    request = server.received[-1]
    assert request.body == "a=1&b=ü\n".encode()
    assert request.values("content-type") == ["application/x-www-form-urlencoded"]
    await run("fetch", "my-agent", "3000", "--data", "{}", "-H", "content-type: application/json")
    request = server.received[-1]
    assert (request.body, request.values("content-type")) == (b"{}", ["application/json"])
    assert request.values("content-length") == ["2"]
    await run("fetch", "my-agent", "3000", "--data", "{}", "-H", "Content-Type:")
    assert server.received[-1].values("content-type") == []


async def test_a_body_from_a_file_and_from_standard_input(
    run: Run, server: StubServer, tmp_path: Path
) -> None:
    big = bytes(range(256)) * 1024
    (tmp_path / "body").write_bytes(big)
    server.on("PUT", ROOT, answer(b""))
    await run("fetch", "my-agent", "3000", "-X", "PUT", "-d", f"@{tmp_path / 'body'}")
    request = server.received[-1]
    assert request.body == big
    assert request.values("content-length") == [str(len(big))]
    await run("fetch", "my-agent", "3000", "-X", "PUT", "-d", "@-", stdin=big)
    request = server.received[-1]
    assert request.body == big
    assert request.values("transfer-encoding") == ["chunked"]
    await run("fetch", "my-agent", "3000", "-X", "PUT", "-d", "x", "-d", f"@{tmp_path / 'body'}")
    assert server.received[-1].body == b"x&" + big


async def test_methods_and_headers(run: Run, server: StubServer) -> None:
    on_root(server, "PURGE")
    await run(
        *("fetch", "my-agent", "3000", "--request", "PURGE", "-H", "X-A: 1", "-H", "X-A: ü: 2", "-H", "X-B;"),
        *("-H", "user-agent: mine", "-H", "Accept: a/b", "--header", "Accept-Encoding: gzip"),
    )
    request = server.received[-1]
    assert request.values("x-a") == ["1", "ü: 2"]
    assert request.values("x-b") == [""]
    assert request.values("user-agent") == ["mine"]
    assert request.values("accept") == ["a/b"]
    assert request.values("accept-encoding") == ["gzip"]


async def test_a_method_keeps_its_case(run: Run, server: StubServer) -> None:
    server.on("Purge", ROOT, answer(b""))
    assert (await run("fetch", "my-agent", "3000", "-X", "Purge")).code == 0


async def test_headers_are_shown_as_they_came(run: Run, server: StubServer) -> None:
    raw = b"HTTP/1.1 404 Nix da\r\nX-Odd:  a\r\nSet-Cookie: b\r\nSet-Cookie: c\r\nContent-Length: 2\r\n\r\n"

    async def say(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(raw if request.method == "HEAD" else raw + b"no")

    shown = raw.replace(b"Odd:  a", b"Odd: a")
    server.on("GET", ROOT, say)
    server.on("HEAD", ROOT, say)
    assert (await run("fetch", "my-agent", "3000", "-i")).out == shown + b"no"
    assert (await run("fetch", "my-agent", "3000", "-I")).out == shown


@pytest.mark.parametrize(
    ("status", "code"), [("200 OK", 0), ("399 Odd", 0), ("400 Bad", 22), ("500 Bad", 22)]
)
async def test_fail_exits_as_curl_does(run: Run, server: StubServer, status: str, code: int) -> None:
    server.on("GET", ROOT, answer(b"words", status))
    ran = await run("fetch", "my-agent", "3000", "-f")
    assert (ran.code, ran.out) == (code, b"" if code else b"words")
    assert ("the service answered" in ran.err) == bool(code)
    ran = await run("fetch", "my-agent", "3000")
    assert (ran.code, ran.out, ran.err) == (0, b"words", "")


async def test_redirects_are_followed_only_if_wanted(run: Run, server: StubServer) -> None:
    server.on("GET", ROOT, answer(b"moved\n", "302 Found", Location="/there"))
    server.on("GET", ROOT + "there", answer(b"here\n"))
    assert (await run("fetch", "my-agent", "3000")).out == b"moved\n"
    assert (await run("fetch", "my-agent", "3000", "-L")).out == b"here\n"


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("/", ["in a circle"]),
        ("http://example.org/", ["not in the VM"]),
        ("http://localhost:x/", ["no URL"]),
    ],
)
async def test_redirects_to_nowhere(run: Run, server: StubServer, where: str, words: list[str]) -> None:
    server.on("GET", ROOT, answer(b"", "302 Found", Location=where))
    ran = await run("fetch", "my-agent", "3000", "-L")
    assert (ran.code, ran.out) == (1, b"")
    for word in [*words, "hint: "]:
        assert word in ran.err


async def test_a_streamed_body_cannot_be_redirected(run: Run, server: StubServer) -> None:
    server.on("POST", ROOT, answer(b"", "307 Temporary Redirect", Location="/there"))
    ran = await run("fetch", "my-agent", "3000", "-L", "-d", "@-", stdin=b"x")
    assert (ran.code, ran.out) == (1, b"")
    assert "cannot be sent again" in ran.err


async def test_output_to_a_file_is_whole_or_not_there(run: Run, server: StubServer, tmp_path: Path) -> None:
    target = tmp_path / "target"
    on_root(server)
    ran = await run("fetch", "my-agent", "3000", "-o", str(target))
    assert (ran.code, ran.out, target.read_bytes()) == (0, b"", b"body\n")
    server.on("GET", ROOT, half)
    ran = await run("fetch", "my-agent", "3000", "-o", str(target))
    assert ran.code == 1
    assert "broke off" in ran.err
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"body\n"


@pytest.mark.parametrize("way", [cut, half])
async def test_a_service_that_breaks_off(run: Run, server: StubServer, way: object) -> None:
    server.on("GET", ROOT, way)  # type: ignore[arg-type]
    ran = await run("fetch", "my-agent", "3000")
    assert ran.code == 1
    assert "error: the connection to" in ran.err
    assert "hint: " in ran.err


async def test_a_time_limit(run: Run, server: StubServer) -> None:
    server.on("GET", ROOT, never)
    ran = await run("fetch", "my-agent", "3000", "-m", "0.1")
    assert ran.code == 1
    assert ran.err == (
        "error: port 3000 of the VM did not answer within 0.1 s\n hint: give a longer --max-time\n"
    )


async def test_a_refusal_by_hatchway(run: Run, server: StubServer) -> None:
    server.on("GET", ROOT, refusal("502 Bad Gateway", "port_closed", Hatchway_Error="port_closed"))
    ran = await run("fetch", "my-agent", "3000", "-f")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == "error: about port_closed\n hint: a hint\n"


async def test_a_vm_that_is_not_there_is_not_made(run: Run, server: StubServer) -> None:
    server.on("GET", "/api/vms", answer({"vms": []}))
    ran = await run("fetch", "typo", "3000")
    assert (ran.code, ran.out) == (1, b"")
    assert "error: there is no VM of this kind with this key\n hint: check the key" in ran.err
    assert server.to("POST", "/api/vms") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["0"],
        ["65536"],
        ["http"],
        ["3000", "ftp://localhost/x"],
        ["3000", "/\udcff"],
        ["3000", "-H", "no colon"],
        ["3000", "-m", "0"],
        ["3000", "-m", "nan"],
        ["3000", "-I", "-d", "x"],
        ["3000", "-d", "@-", "-d", "x"],
    ],
)
async def test_wrong_usage(run: Run, server: StubServer, arguments: list[str]) -> None:
    ran = await run("fetch", "my-agent", *arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert not [request for request in server.received if request.target.startswith(ROOT)]


@pytest.mark.parametrize(
    "arguments", [["-X", "GE T"], ["-H", "X Y: a"], ["-H", "X: \ud800"], ["-d", "@/no/such/file"]]
)
async def test_what_cannot_be_sent(run: Run, server: StubServer, arguments: list[str]) -> None:
    ran = await run("fetch", "my-agent", "3000", *arguments)
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
    assert "internal" not in ran.err
