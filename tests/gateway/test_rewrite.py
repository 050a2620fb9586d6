"""The head as the service sees it and as the client sees the answer: pure, and at both ends of a real exchange."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conftest import OTHER_TOKEN, TOKEN, Rig
from gateway.test_framing import head_bytes, plain_fields
from gateway.zoo import answers, echo, ok
from hatchway.gateway.framing import parse_answer_head, parse_fields, parse_request_head
from hatchway.gateway.rewrite_answer import answer_parts, public_cookie, public_location, put_together
from hatchway.gateway.rewrite_request import fields_for_service, hide_token
from hatchway.gateway.service_view import ServiceView

API_TOKEN = "secret-api-token"


def view(
    prefix: bytes = b"", *, preview: bool = True, authority: bytes | None = b"tok.localhost:6420"
) -> ServiceView:
    return ServiceView(
        port=3000,
        authority=authority,
        scheme=b"http",
        prefix=prefix,
        preview_domain="localhost",
        token=TOKEN,
        preview=preview,
        sandbox=prefix != b"",
    )


class TestPure:
    @given(plain_fields)
    def test_other_request_fields_pass_in_number_order_and_spelling(
        self, fields: list[tuple[str, str]]
    ) -> None:
        ours = {
            "hatchway-token",
            "hatchway-preview-token",
            "forwarded",
            "te",
            "keep-alive",
            "origin",
            "referer",
        }
        fields = [
            field
            for field in fields
            if field[0].lower() not in ours and not field[0].lower().startswith("x-")
        ]
        head = parse_request_head(
            head_bytes("GET / HTTP/1.1", [("Host", "a"), *fields]), max_target=9, max_fields=99
        )
        sent = fields_for_service(head, view(), upgrade=None, drop_authorization=False)
        assert sent == b"Host: localhost:3000\r\n" + head_bytes("", fields)[2:-2]

    @given(plain_fields, st.sampled_from([200, 304, 404, 500]))
    def test_other_answer_fields_pass_in_number_order_and_spelling(
        self, fields: list[tuple[str, str]], status: int
    ) -> None:
        head = parse_answer_head(head_bytes(f"HTTP/1.1 {status} OK", fields), max_fields=99)
        sent = put_together(answer_parts(head, None, body=0, chunked=False, close=False), None)
        kept = [(n, v) for n, v in fields if n.lower() not in ("te", "keep-alive")]
        assert sent == head_bytes(f"HTTP/1.1 {status} OK", kept)

    @given(st.binary(max_size=60), st.integers(0, 60), st.booleans())
    def test_no_token_survives(self, text: bytes, at: int, upper: bool) -> None:
        secret = TOKEN.upper() if upper else TOKEN
        hidden = hide_token(text[:at] + secret.encode() + text[at:], TOKEN)
        assert TOKEN.encode() not in hidden.lower()

    @pytest.mark.parametrize(
        ("location", "in_host_mode", "in_path_mode"),
        [
            (
                "http://localhost:3000/a?b",
                "http://tok.localhost:6420/a?b",
                "http://tok.localhost:6420/fetch/t/a?b",
            ),
            ("http://127.0.0.1:3000", "http://tok.localhost:6420/", "http://tok.localhost:6420/fetch/t/"),
            (
                "HTTP://LOCALHOST:3000?a",
                "http://tok.localhost:6420/?a",
                "http://tok.localhost:6420/fetch/t/?a",
            ),
            ("http://[::1]:3000/a", "http://tok.localhost:6420/a", "http://tok.localhost:6420/fetch/t/a"),
            ("//localhost:3000/a", "http://tok.localhost:6420/a", "http://tok.localhost:6420/fetch/t/a"),
            ("http://localhost:3001/a", "http://localhost:3001/a", "http://localhost:3001/a"),
            ("http://localhost:30001/a", "http://localhost:30001/a", "http://localhost:30001/a"),
            ("http://localhost:3000@evil/", "http://localhost:3000@evil/", "http://localhost:3000@evil/"),
            ("https://example.com/", "https://example.com/", "https://example.com/"),
            ("//example.com/", "//example.com/", "//example.com/"),
            ("/\\example.com/", "/\\example.com/", "/\\example.com/"),
            ("/a", "/a", "/fetch/t/a"),
            ("a", "a", "a"),
            ("?a", "?a", "?a"),
            ("", "", ""),
        ],
    )
    def test_locations(self, location: str, in_host_mode: str, in_path_mode: str) -> None:
        assert public_location(location.encode(), view()).decode() == in_host_mode
        assert public_location(location.encode(), view(b"/fetch/t")).decode() == in_path_mode

    def test_a_location_without_a_known_authority(self) -> None:
        assert public_location(b"http://localhost:3000/a", view(b"/fetch/t", authority=None)) == b"/fetch/t/a"

    @pytest.mark.parametrize(
        ("cookie", "in_host_mode", "in_path_mode"),
        [
            ("a=b", "a=b", "a=b"),
            ("a=b; Path=/; HttpOnly", "a=b; Path=/; HttpOnly", "a=b; Path=/fetch/t/; HttpOnly"),
            ("a=b; path=/x;Secure", "a=b; path=/x;Secure", "a=b; Path=/fetch/t/x;Secure"),
            ("a=b; Domain=localhost; SameSite=Lax", "a=b; SameSite=Lax", "a=b; SameSite=Lax"),
            ("a=b; DOMAIN = .localhost", "a=b", "a=b"),
            ("domain=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT",) * 3,
        ],
    )
    def test_cookies(self, cookie: str, in_host_mode: str, in_path_mode: str) -> None:
        assert public_cookie(cookie.encode(), view()).decode() == in_host_mode
        assert public_cookie(cookie.encode(), view(b"/fetch/t")).decode() == in_path_mode


class TestWhatTheServiceSees:
    async def seen(
        self, rig: Rig, *fields: str, line: str = "GET / HTTP/1.1", host: str | None = None
    ) -> bytes:
        if not rig.upstreams:
            await rig.upstream(echo)
        head, body = await rig.ask(rig.request(line, *fields, host=host))
        assert head.startswith(b"HTTP/1.1 200 "), head
        return body

    @pytest.mark.parametrize("mode", ["host", "path", "request path", "gateway path", "header"])
    async def test_the_token_in_no_mode(
        self, rig: Rig, mode: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A canary: everything that could carry the token does, and none of it arrives or is logged."""
        caplog.set_level("DEBUG")
        public = f"http://{rig.authority}" if mode == "host" else f"http://localhost:{rig.port}"
        prefix = {
            "path": f"/fetch/{TOKEN}",
            "request path": f"/request/fetch/{TOKEN}",
            "gateway path": f"/gateway/my-vm/request/fetch/{TOKEN}",
        }.get(mode, "")
        fields = [
            f"Origin: {public}",
            f"Referer: {public}{prefix}/page?{TOKEN}",
            f"Cookie: a=1; from={TOKEN.upper()}",
            f"X-Forwarded-Host: {rig.authority}",
            f"X-Original-URL: {public}{prefix}/",
            f"Forwarded: host={rig.authority}",
            f"X-Custom: before{TOKEN}after",
            "Hatchway-Token: " + API_TOKEN,
        ]
        if mode == "header":
            fields.append(f"Hatchway-Preview-Token: {TOKEN}")
        host = rig.authority if mode == "host" else f"localhost:{rig.port}"
        body = await self.seen(
            rig, *fields, line=f"GET {prefix}/a?next={public}/&t={TOKEN} HTTP/1.1", host=host
        )
        assert TOKEN.encode() not in rig.upstreams[0].received.lower()
        assert API_TOKEN.encode() not in rig.upstreams[0].received
        assert body.startswith(b"GET /a?next=")
        assert b"\r\nHost: localhost:3000\r\n" in body
        assert b"\r\nOrigin: http://localhost:3000\r\n" in body
        assert b"\r\nReferer: http://localhost:3000/page?preview\r\n" in body
        assert b"\r\nX-Custom: beforepreviewafter\r\n" in body
        await rig.upstreams[0].stop()
        rig.gateway.forget_vm("vm1")
        _, refusal = await rig.ask(rig.request(f"GET {prefix}/a HTTP/1.1", *fields, host=host))
        output = caplog.text + "".join(capfd.readouterr()) + refusal.decode()
        assert "port_closed" in output
        assert TOKEN not in output

    async def test_the_token_in_no_trailer(self, rig: Rig) -> None:
        await rig.upstream(echo)
        body = f"1\r\nx\r\n0\r\nX-Sum: 1\r\nX-From: {TOKEN.upper()}\r\n\r\n".encode()
        _, echoed = await rig.ask(rig.request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=body))
        assert echoed.endswith(b"\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n")

    async def test_a_foreign_origin_passes_and_another_previews_is_hidden(self, rig: Rig) -> None:
        body = await self.seen(rig, "Origin: https://evil.example", "Referer: https://evil.example/page")
        assert b"\r\nOrigin: https://evil.example\r\n" in body
        assert b"\r\nReferer: https://evil.example/page\r\n" in body
        other = f"http://{OTHER_TOKEN}.localhost:{rig.port}"
        body = await self.seen(rig, f"Origin: {other}", f"Referer: {other}/page")
        assert b"\r\nOrigin: null\r\n" in body
        assert b"Referer" not in body

    async def test_the_shared_origins_other_pages_are_hidden_in_path_mode(self, rig: Rig) -> None:
        referer = f"Referer: http://localhost:{rig.port}/fetch/{OTHER_TOKEN}/page"
        body = await self.seen(
            rig, referer, line=f"GET /fetch/{TOKEN}/ HTTP/1.1", host=f"localhost:{rig.port}"
        )
        assert b"\r\nReferer: http://localhost:3000/\r\n" in body

    async def test_hop_by_hop_fields_and_those_that_connection_names_are_removed(self, rig: Rig) -> None:
        body = await self.seen(
            rig,
            "Connection: keep-alive, X-Secret, Host, Content-Length",
            "X-Secret: 1",
            "X-Kept: 1",
            "Keep-Alive: timeout=5",
            "TE: trailers",
            "Proxy-Connection: keep-alive",
            "Proxy-Authorization: Basic x",
            "Upgrade: websocket",
        )
        assert body.startswith(b"GET / HTTP/1.1\r\nHost: localhost:3000\r\nX-Kept: 1\r\nX-Forwarded-For: ")
        for name in (b"x-secret", b"connection", b"keep-alive", b"\nte:", b"proxy-", b"upgrade"):
            assert name not in body.lower()

    async def test_forwarded_fields_are_replaced_not_appended(self, rig: Rig) -> None:
        body = await self.seen(
            rig,
            "X-Forwarded-For: 6.6.6.6",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: evil",
            "X-Forwarded-Port: 1",
            "X-Forwarded-Prefix: /x",
            "Forwarded: for=6.6.6.6",
            "X-Real-IP: 6.6.6.6",
        )
        assert b"6.6.6.6" not in body
        assert b"evil" not in body
        assert body.count(b"X-Forwarded-For: 127.0.0.1\r\n") == 1
        assert body.count(b"X-Forwarded-Proto: http\r\n") == 1
        assert body.count(b"Forwarded: for=127.0.0.1;proto=http\r\n") == 1
        assert body.count(b"X-Forwarded-Port: %d\r\n" % rig.port) == 1
        assert body.lower().count(b"x-forwarded-") == 3

    async def test_a_visitors_own_authorization_passes_and_the_api_credential_does_not(
        self, rig: Rig
    ) -> None:
        assert b"\r\nAuthorization: Basic dTpw\r\n" in await self.seen(rig, "Authorization: Basic dTpw")
        assert b"Authorization" not in await self.seen(rig, f"Authorization: Bearer {API_TOKEN}")
        line = "GET /api/vms/vm1/ports/3000/x HTTP/1.1"
        body = await self.seen(rig, f"Authorization: Bearer {API_TOKEN}", line=line, host="localhost")
        assert body.startswith(b"GET /x HTTP/1.1\r\nHost: localhost:3000\r\n")
        assert b"Authorization" not in body
        both = ("Hatchway-Token: " + API_TOKEN, "Authorization: Bearer the-apps-own")
        body = await self.seen(rig, *both, line=line, host="localhost")
        assert b"\r\nAuthorization: Bearer the-apps-own\r\n" in body
        assert b"Hatchway-Token" not in body

    async def test_an_upgrade_is_rewritten_the_same_way(self, rig: Rig) -> None:
        body = await self.seen(
            rig,
            "Connection: Upgrade",
            "Upgrade: websocket",
            f"Origin: http://{rig.authority}",
            "Sec-WebSocket-Key: x",
        )
        assert (
            b"\r\nHost: localhost:3000\r\nOrigin: http://localhost:3000\r\nSec-WebSocket-Key: x\r\n" in body
        )
        assert b"\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" in body

    async def test_a_length_of_zero_is_kept(self, rig: Rig) -> None:
        body = await self.seen(rig, "Content-Length: 0", line="POST / HTTP/1.1")
        assert b"\r\nContent-Length: 0\r\n" in body
        assert b"Content-Length" not in await self.seen(rig, line="POST / HTTP/1.1")

    async def test_the_control_api_gets_its_request_as_it_came(self, rig: Rig) -> None:
        await rig.control(echo)
        fields = (
            "Origin: http://x.example",
            "Referer: http://y/",
            f"Authorization: Bearer {API_TOKEN}",
            f"Hatchway-Token: {API_TOKEN}",
            "X-Forwarded-For: 1.2.3.4",
        )
        _, body = await rig.ask(
            rig.request("GET /api/vms?a=b HTTP/1.1", *fields, "TE: x", host="me.example:80")
        )
        assert (
            body
            == "\r\n".join(("GET /api/vms?a=b HTTP/1.1", "Host: me.example:80", *fields, "", "")).encode()
        )


class TestWhatTheBrowserGets:
    async def got(
        self, rig: Rig, headers: str, target: str = "/", *, status: str = "200 OK", host: str | None = None
    ) -> str:
        wire = f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n".encode("latin-1")
        await rig.upstream(answers(wire))
        head, _ = await rig.ask(rig.request(f"GET {target} HTTP/1.1", host=host))
        return head.decode("latin-1")

    async def test_in_host_mode(self, rig: Rig) -> None:
        head = await self.got(
            rig,
            "Location: http://localhost:3000/next\r\nContent-Location: http://127.0.0.1:3000/here\r\n"
            "set-cookie: a=b; Domain=localhost; Path=/\r\nKeep-Alive: timeout=5\r\nConnection: X-Hop\r\nX-Hop: 1\r\n",
            status="302 Found",
        )
        assert f"\r\nLocation: http://{rig.authority}/next\r\n" in head
        assert f"\r\nContent-Location: http://{rig.authority}/here\r\n" in head
        assert "\r\nSet-Cookie: a=b; Path=/\r\n" in head
        assert "\r\nReferrer-Policy: same-origin\r\n" in head
        assert "Keep-Alive" not in head
        assert "X-Hop" not in head
        assert "Content-Security-Policy" not in head

    async def test_in_path_mode(self, rig: Rig) -> None:
        host = f"localhost:{rig.port}"
        head = await self.got(
            rig,
            "Location: /next\r\nSet-Cookie: a=b; Path=/\r\nContent-Security-Policy: default-src 'self'\r\n"
            'Clear-Site-Data: "*"\r\nService-Worker-Allowed: /\r\nStrict-Transport-Security: max-age=1\r\n',
            f"/fetch/{TOKEN}/",
            host=host,
        )
        assert f"\r\nLocation: /fetch/{TOKEN}/next\r\n" in head
        assert f"\r\nSet-Cookie: a=b; Path=/fetch/{TOKEN}/\r\n" in head
        assert "\r\nContent-Security-Policy: default-src 'self'\r\n" in head
        assert "\r\nContent-Security-Policy: sandbox allow-scripts" in head
        assert "allow-same-origin" not in head
        for name in ("Clear-Site-Data", "Service-Worker-Allowed", "Strict-Transport-Security"):
            assert name not in head

    async def test_a_referrer_policy_of_the_services_own_is_kept(self, rig: Rig) -> None:
        head = await self.got(rig, "referrer-policy: no-referrer\r\n")
        assert head.lower().count("referrer-policy") == 1

    async def test_a_missing_slash_is_redirected_with_the_query(self, rig: Rig) -> None:
        upstream = await rig.upstream(echo)
        for before in ("", "/request", "/gateway/vm/request"):
            target = f"{before}/fetch/{TOKEN}"
            for query in ("", "?a=/b&c"):
                head, _ = await rig.ask(rig.request(f"GET {target}{query} HTTP/1.1", host="localhost"))
                assert head.startswith(b"HTTP/1.1 308 ")
                assert f"\r\nLocation: {target}/{query}\r\n".encode() in head
        head, _ = await rig.ask(rig.request(f"GET /fetch/{OTHER_TOKEN} HTTP/1.1", host="localhost"))
        assert head.startswith(b"HTTP/1.1 403 ")
        assert not upstream.conversations

    async def test_vm_fetch_gets_the_answer_as_it_is(self, rig: Rig) -> None:
        headers = (
            "Date: then\r\nLocation: http://localhost:3000/x\r\nSet-Cookie: a=b; Domain=localhost; Path=/\r\n"
        )
        await rig.upstream(answers(f"HTTP/1.1 201 Created\r\n{headers}Content-Length: 0\r\n\r\n".encode()))
        line = "GET /api/vms/vm1/ports/3000/ HTTP/1.1"
        head, _ = await rig.ask(rig.request(line, f"Hatchway-Token: {API_TOKEN}", host="localhost"))
        assert head.decode() == f"HTTP/1.1 201 Created\r\n{headers}Content-Length: 0\r\n\r\n"

    async def test_a_browser_at_vm_fetch_gets_an_origin_of_its_own(self, rig: Rig) -> None:
        await rig.upstream(answers(ok()))
        line = "GET /api/vms/vm1/ports/3000/ HTTP/1.1"
        fields = (f"Hatchway-Token: {API_TOKEN}", "Sec-Fetch-Dest: document")
        head, _ = await rig.ask(rig.request(line, *fields, host="localhost"))
        assert b"\r\nContent-Security-Policy: sandbox " in head

    async def test_the_control_apis_answer_passes_as_it_is(self, rig: Rig) -> None:
        await rig.control(
            answers(
                ok(
                    b"x",
                    b"Date: then\r\nLocation: http://localhost:3000/\r\nHatchway-Error: vm_not_found\r\n",
                )
            )
        )
        line = "GET /api/vms HTTP/1.1"
        head, _ = await rig.ask(rig.request(line, f"Hatchway-Token: {API_TOKEN}", host="localhost"))
        assert head == (
            b"HTTP/1.1 200 OK\r\nDate: then\r\nLocation: http://localhost:3000/\r\n"
            b"Hatchway-Error: vm_not_found\r\nContent-Length: 1\r\n\r\n"
        )


async def test_a_path_puts_no_attribute_into_a_cookie(rig: Rig) -> None:
    await rig.upstream(answers(ok(b"", b"Set-Cookie: a=b; Path=/\r\n")))
    await rig.control(answers(ok()))
    target = f"/gateway/x;Domain=localhost;y/request/fetch/{TOKEN}/"
    head, _ = await rig.ask(
        rig.request(f"GET {target} HTTP/1.1", f"Hatchway-Token: {API_TOKEN}", host="localhost")
    )
    assert b"set-cookie" not in head.lower()


def test_a_view_shows_no_token() -> None:
    assert TOKEN not in repr(view())
    assert parse_fields(b"", 9) == []
