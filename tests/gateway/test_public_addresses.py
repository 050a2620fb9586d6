"""Where visitors are sent, and what a service is told of its public address: the preview's options among it."""

from __future__ import annotations

import pytest

from gateway.conftest import TOKEN, Rig, running_rig
from gateway.zoo import answers, echo, ok
from hatchway.gateway.limits import GatewayLimits

NAVIGATION = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
PREFLIGHT = ("Origin: https://anywhere.example", "Access-Control-Request-Method: PATCH")


class TestNavigationsToAPathAddress:
    @pytest.mark.parametrize(
        ("target", "rest"),
        [
            ("", "/"),
            ("/", "/"),
            ("?q", "/?q"),
            ("/a/b?c=d", "/a/b?c=d"),
            ("//evil.example", "//evil.example"),
        ],
    )
    @pytest.mark.parametrize("prefix", ["/fetch", "/request/fetch", "/gateway/vm/request/fetch"])
    async def test_a_browser_is_sent_to_the_host_address(
        self, limits: GatewayLimits, target: str, rest: str, prefix: str
    ) -> None:
        async with running_rig(
            limits, preview_domain="preview.example", scheme="https", public_port=443
        ) as rig:
            upstream = await rig.upstream(echo)
            line = f"GET {prefix}/{TOKEN}{target} HTTP/1.1"
            head, body = await rig.ask(rig.request(line, *NAVIGATION, host="example"))
            assert head.startswith(b"HTTP/1.1 307 ")
            assert f"\r\nLocation: https://{TOKEN}.preview.example{rest}\r\n".encode() in head
            assert b"\r\nCache-Control: no-store\r\n" in head
            assert body == b""
            assert not upstream.conversations

    @pytest.mark.parametrize(
        "fields", [(), ("Sec-Fetch-Mode: cors",), ("Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")]
    )
    async def test_programs_and_parts_of_a_page_stay(
        self, limits: GatewayLimits, fields: tuple[str, ...]
    ) -> None:
        async with running_rig(limits, preview_domain="preview.example") as rig:
            await rig.upstream(echo)
            head, _ = await rig.ask(rig.request(f"GET /fetch/{TOKEN}/ HTTP/1.1", *fields, host="example"))
            assert head.startswith(b"HTTP/1.1 200 ")

    async def test_a_form_that_is_sent_stays_with_its_page(self, limits: GatewayLimits) -> None:
        async with running_rig(limits, preview_domain="preview.example") as rig:
            await rig.upstream(echo)
            line = f"POST /fetch/{TOKEN}/ HTTP/1.1"
            head, _ = await rig.ask(
                rig.request(line, *NAVIGATION, "Content-Length: 1", host="example", body=b"x")
            )
            assert head.startswith(b"HTTP/1.1 200 ")

    async def test_nobody_is_sent_to_what_has_ended(self, limits: GatewayLimits) -> None:
        async with running_rig(limits, preview_domain="preview.example") as rig:
            head, _ = await rig.ask(rig.request(f"GET /fetch/{TOKEN}/ HTTP/1.1", *NAVIGATION, host="example"))
            assert head.startswith(b"HTTP/1.1 403 ")

    async def test_without_a_preview_domain_the_path_address_serves(self, rig: Rig) -> None:
        await rig.upstream(echo)
        head, _ = await rig.ask(rig.request(f"GET /fetch/{TOKEN}/ HTTP/1.1", *NAVIGATION, host="localhost"))
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nContent-Security-Policy: sandbox " in head


class TestForwardHost:
    async def test_only_where_the_preview_says_so(self, rig: Rig) -> None:
        await rig.upstream(echo)
        for chosen in (False, True):
            rig.backend.revoke(TOKEN)
            rig.backend.add_preview(TOKEN, "vm1", 3000, forward_host=chosen)
            _, seen = await rig.ask(rig.request("GET / HTTP/1.1", "X-Forwarded-Host: forged.example"))
            assert (f"\r\nX-Forwarded-Host: {rig.authority}\r\n".encode() in seen) is chosen
            assert b"forged.example" not in seen
            assert seen.lower().count(b"x-forwarded-host") == chosen
            assert b"\r\nHost: localhost:3000\r\n" in seen

    async def test_the_token_is_in_nothing_else(self, rig: Rig) -> None:
        await rig.upstream(echo)
        rig.backend.revoke(TOKEN)
        rig.backend.add_preview(TOKEN, "vm1", 3000, forward_host=True)
        _, seen = await rig.ask(
            rig.request(f"GET /?{TOKEN} HTTP/1.1", f"Referer: http://{rig.authority}/", f"X: {TOKEN}")
        )
        assert seen.count(TOKEN.encode()) == 1


class TestCorsOfTheApp:
    async def test_everything_passes_through(self, rig: Rig) -> None:
        await rig.upstream(answers(ok(b"", b"Access-Control-Allow-Methods: PUT\r\n")))
        rig.backend.revoke(TOKEN)
        rig.backend.add_preview(TOKEN, "vm1", 3000, app_cors=True)
        for line in ("OPTIONS / HTTP/1.1", "GET / HTTP/1.1"):
            head, _ = await rig.ask(rig.request(line, *PREFLIGHT))
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"Access-Control-Allow-Methods: PUT\r\n" in head
            assert b"Access-Control-Allow-Origin" not in head
            assert b"Access-Control-Expose-Headers" not in head

    async def test_a_preflight_with_a_token_of_nothing_is_still_answered(self, rig: Rig) -> None:
        await rig.upstream(echo)
        rig.backend.revoke(TOKEN)
        client = await rig.client()
        client.send(rig.request("OPTIONS / HTTP/1.1", *PREFLIGHT))
        assert (await client.head()).startswith(b"HTTP/1.1 204 ")

    async def test_the_option_counts_from_the_next_request_on(self, rig: Rig) -> None:
        """A remembered head is not a remembered decision."""
        await rig.upstream(answers(ok()))
        client = await rig.client()
        for chosen in (False, True, False):
            rig.backend.revoke(TOKEN)
            rig.backend.add_preview(TOKEN, "vm1", 3000, app_cors=chosen)
            client.send(rig.request())
            head, _ = await client.answer()
            assert (b"Access-Control-Allow-Origin: *" in head) is not chosen
