"""The gateway as a whole: starting, stopping, the end of a grant, slow decisions."""

from __future__ import annotations

import asyncio
import gc
import os
import socket

import pytest

from gateway.conftest import OTHER_TOKEN, TOKEN, FakeClock, Rig, until
from gateway.zoo import Conversation, answers, echo, ok
from hatchway.errors import AccessDenied, Unavailable
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.listener import Gateway
from hatchway.gateway.memory import MemoryBackend
from hatchway.gateway.seam import Allow, Deny, Verdict


async def endless(conversation: Conversation) -> None:
    await conversation.head()
    await conversation.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
    await conversation.rest()


async def test_the_kernel_asks_after_silent_clients(rig: Rig) -> None:
    await rig.client()
    await until(lambda: bool(rig.gateway.connections))
    (connection,) = rig.gateway.connections
    sock = connection.transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    tcp = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    idle, interval, count = (sock.getsockopt(socket.IPPROTO_TCP, option) for option in tcp)
    assert idle + interval * count == 180


class TestStop:
    async def test_lets_an_answer_finish_and_refuses_new_connections(self, rig: Rig) -> None:
        go_on = asyncio.Event()

        async def waits(conversation: Conversation) -> None:
            await conversation.head()
            await go_on.wait()
            await conversation.send(ok(b"in time"))

        upstream = await rig.upstream(waits)
        idle = await rig.client()
        client = await rig.client()
        client.send(rig.request())
        await upstream.until(lambda: bool(upstream.conversations))
        stopping = asyncio.create_task(rig.gateway.stop(10.0))
        assert await idle.ended()
        with pytest.raises(ConnectionError):
            await rig.client()
        go_on.set()
        assert (await client.answer())[1] == b"in time"
        assert await client.ended()
        await stopping

    async def test_cuts_what_does_not_finish_in_time(self, rig: Rig) -> None:
        upstream = await rig.upstream(endless)
        client = await rig.client()
        client.send(rig.request())
        await client.until(b"hello\r\n")
        await rig.gateway.stop(0.01)
        assert not await client.ended()
        await upstream.until(lambda: upstream.ended == 1)

    async def test_leaves_no_descriptor_open(self, limits: GatewayLimits) -> None:
        async def once() -> None:
            rig = Rig(limits, FakeClock())
            await rig.start()
            await rig.upstream(echo)
            streaming = Rig.client
            clients = [await streaming(rig) for _ in range(5)]
            clients[0].send(rig.request())
            await clients[0].answer()
            clients[1].send(rig.request()[:-2])
            clients[2].send(rig.request("POST / HTTP/1.1", "Content-Length: 9", body=b"x"))
            await rig.stop()

        await once()
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            await once()
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) <= before

    async def test_stopping_twice_or_before_the_start_is_nothing(self) -> None:
        gateway = Gateway(MemoryBackend())
        await gateway.stop()
        await gateway.start("127.0.0.1", 0)
        await gateway.stop()
        await gateway.stop()


class TestGrants:
    async def test_revoking_cuts_what_is_open_under_it_and_nothing_else(self, rig: Rig) -> None:
        other = await rig.upstream(endless, vm_id="vm2", token=OTHER_TOKEN)
        mine = await rig.upstream(endless)
        clients = []
        for host in (rig.authority, rig.authority, f"{OTHER_TOKEN}.localhost"):
            client = await rig.client()
            client.send(rig.request(host=host))
            await client.until(b"hello\r\n")
            clients.append(client)
        rig.backend.revoke(TOKEN)
        assert await rig.gateway.close_grant(rig.grant.id) == 2
        assert not await clients[0].ended()
        assert not await clients[1].ended()
        await mine.until(lambda: mine.ended == 2)
        assert other.ended == 0
        assert len(rig.gateway.connections) == 1
        head, _ = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 403 ")
        assert b"\r\nHatchway-Error: preview_not_found\r\n" in head

    async def test_many_are_closed_when_it_returns_and_others_have_their_turn(self, rig: Rig) -> None:
        await rig.upstream(endless)
        clients = [await rig.client() for _ in range(120)]
        for client in clients:
            client.send(rig.request())
            await client.until(b"hello\r\n")
        rig.backend.revoke(TOKEN)
        seen: list[int] = []

        async def others() -> None:
            while rig.gateway.connections:
                seen.append(len(rig.gateway.connections))
                await asyncio.sleep(0)

        other = asyncio.create_task(others())
        await asyncio.sleep(0)
        assert await rig.gateway.close_grant(rig.grant.id) == 120
        assert not rig.gateway.connections
        await other
        assert any(0 < count < 120 for count in seen)
        assert not any([await client.ended() for client in clients])

    async def test_a_caller_that_is_cancelled_leaves_nothing_open(self, rig: Rig) -> None:
        await rig.upstream(endless)
        for _ in range(120):
            client = await rig.client()
            client.send(rig.request())
            await client.until(b"hello\r\n")
        closing = asyncio.create_task(rig.gateway.close_grant(rig.grant.id))
        await asyncio.sleep(0)
        closing.cancel()
        await until(lambda: not rig.gateway.connections)

    async def test_of_many_grants_none_is_left_by_a_caller_that_is_cancelled(self, rig: Rig) -> None:
        await rig.upstream(endless)
        grants = []
        for number in range(3):
            token = str(number) * 32
            grants.append(rig.backend.add_preview(token, "vm1", 3000).id)
            for _ in range(60):
                client = await rig.client()
                client.send(rig.request(host=f"{token}.localhost"))
                await client.until(b"hello\r\n")
        closing = asyncio.create_task(rig.gateway.close_grants(grants))
        await asyncio.sleep(0)
        closing.cancel()
        await until(lambda: not rig.gateway.connections)

    async def test_revoking_cuts_uploads_and_closes_idle_connections(self, rig: Rig) -> None:
        await rig.upstream(echo)
        idle = await rig.client()
        idle.send(rig.request())
        await idle.answer()
        uploading = await rig.client()
        uploading.send(rig.request("POST / HTTP/1.1", "Content-Length: 100", body=b"half"))
        await until(
            lambda: (
                not (
                    len(rig.gateway.connections) < 2 or not all(one.grant for one in rig.gateway.connections)
                )
            )
        )
        rig.backend.revoke(TOKEN)
        assert await rig.gateway.close_grant(rig.grant.id) == 2
        assert not await uploading.ended()
        assert await idle.rest() == b""

    @pytest.mark.parametrize("kind", ["another grant", "the API"])
    async def test_an_idle_connection_that_served_others_stays(self, rig: Rig, kind: str) -> None:
        await rig.upstream(echo)
        mine = rig.grant
        await rig.upstream(echo, vm_id="vm2", token=OTHER_TOKEN)
        path = f"/fetch/{OTHER_TOKEN}/" if kind == "another grant" else "/api/vms/vm2/ports/3000/"
        other = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nHatchway-Token: secret-api-token\r\n\r\n".encode()
        client = await rig.client()
        for request in (other, rig.request()):
            client.send(request)
            assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")
        rig.backend.revoke(TOKEN)
        assert await rig.gateway.close_grant(mine.id) == 1
        client.send(rig.request())
        assert (await client.answer())[0].startswith(b"HTTP/1.1 403 ")
        client.send(other)
        assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")

    async def test_an_unread_end_of_an_answer_is_cut_with_a_reset(self, rig: Rig) -> None:
        await rig.upstream(answers(ok(b"x" * 500_000)))
        client = await rig.client_behind()
        rig.backend.revoke(TOKEN)
        assert await rig.gateway.close_grant(rig.grant.id) == 1
        assert not await client.ended()

    async def test_a_connection_belongs_to_the_grant_of_its_last_request(self, rig: Rig) -> None:
        await rig.upstream(echo)
        first = rig.grant
        await rig.upstream(echo, vm_id="vm2", token=OTHER_TOKEN)
        client = await rig.client()
        for token in (TOKEN, OTHER_TOKEN):
            client.send(f"GET /fetch/{token}/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await client.answer()
        assert await rig.gateway.close_grant(first.id) == 0
        assert await rig.gateway.close_grant(rig.grant.id) == 1

    async def test_expiry_cuts_by_the_clock(self, rig: Rig) -> None:
        upstream = await rig.upstream(endless)
        rig.backend.revoke(TOKEN)
        rig.backend.add_preview(TOKEN, "vm1", 3000, rig.clock.now + 60)
        client = await rig.client()
        client.send(rig.request())
        await client.until(b"hello\r\n")
        rig.clock.now += 59.9
        rig.gateway.grants.check()
        assert len(rig.gateway.connections) == 1
        rig.clock.now += 0.1
        assert not await client.ended()
        await upstream.until(lambda: upstream.ended == 1)
        assert (await rig.ask(rig.request()))[0].startswith(b"HTTP/1.1 403 ")

    async def test_no_decision_is_remembered(self, rig: Rig) -> None:
        await rig.upstream(echo)
        client = await rig.client()
        for _ in range(3):
            client.send(rig.request())
            assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")
        rig.backend.revoke(TOKEN)
        client.send(rig.request())
        assert (await client.answer())[0].startswith(b"HTTP/1.1 403 ")


class TestSlowDecisions:
    def slow(self, rig: Rig, verdict: Verdict | Exception) -> tuple[asyncio.Event, asyncio.Event]:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def decide() -> Verdict:
            asked.set()
            await go_on.wait()
            if isinstance(verdict, Exception):
                raise verdict
            return verdict

        rig.backend.resolve = lambda destination, facts: decide()  # type: ignore[method-assign]
        return asked, go_on

    async def test_the_body_waits(self, rig: Rig) -> None:
        upstream = await rig.upstream(echo)
        asked, go_on = self.slow(rig, rig.backend.resolve(*self.known(rig)))  # type: ignore[arg-type]
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", "Content-Length: 10", body=b"hello"))
        await asked.wait()
        assert not upstream.conversations
        client.send(b"world" + rig.request())
        go_on.set()
        assert (await client.answer())[1].endswith(b"helloworld")
        assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")

    def known(self, rig: Rig) -> tuple[object, object]:
        plan = rig.gateway.known_peer("127.0.0.1")[0].make(rig.request())
        return plan.destination, plan.facts

    async def test_a_refusal(self, rig: Rig) -> None:
        _, go_on = self.slow(rig, Deny(AccessDenied("nope", "No")))
        go_on.set()
        head, _ = await rig.ask(rig.request("POST / HTTP/1.1", "Content-Length: 1", body=b"x"))
        assert head.startswith(b"HTTP/1.1 403 ")

    async def test_a_defect_shows_nothing_of_itself(self, rig: Rig) -> None:
        _, go_on = self.slow(rig, ValueError("/root/secret"))
        go_on.set()
        head, body = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 500 ")
        assert b"secret" not in body

    async def test_a_grant_that_ends_while_it_is_decided_is_asked_for_again(self, rig: Rig) -> None:
        upstream = await rig.upstream(echo)
        allow = Allow(next(iter(rig.backend._ports)), rig.grant.id)
        resolve = rig.backend.resolve
        asked, go_on = self.slow(rig, allow)
        client = await rig.client()
        client.send(rig.request())
        await asked.wait()
        rig.backend.revoke(TOKEN)
        await rig.gateway.close_grant(rig.grant.id)
        rig.backend.resolve = resolve  # type: ignore[method-assign]
        go_on.set()
        assert (await client.answer())[0].startswith(b"HTTP/1.1 403 ")
        assert not upstream.conversations

    async def test_a_client_that_leaves_meanwhile(self, rig: Rig) -> None:
        upstream = await rig.upstream(echo)
        asked, go_on = self.slow(rig, Allow(next(iter(rig.backend._ports))))
        client = await rig.client()
        client.send(rig.request())
        await asked.wait()
        client.close()
        await until(lambda: not (rig.gateway.connections))
        go_on.set()
        await until(lambda: not (rig.gateway._tasks))
        assert not upstream.conversations


class TestDialErrors:
    async def test_a_closed_port_says_which_and_what_to_do(self, rig: Rig) -> None:
        upstream = await rig.upstream(answers(ok()))
        await upstream.stop()
        head, body = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"\r\nHatchway-Error: port_closed\r\n" in head
        assert b"port 3000" in body

    async def test_an_error_of_ours_keeps_its_status(self, rig: Rig) -> None:
        await rig.upstream(echo)

        async def dial(upstream: object) -> object:
            raise Unavailable("vm_boot_failed", "The VM did not start", "Look at the log.")

        rig.backend.dial = dial  # type: ignore[method-assign, assignment]
        head, body = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 503 ")
        assert (
            body
            == b'{"code": "vm_boot_failed", "message": "The VM did not start", "hint": "Look at the log."}'
        )

    async def test_a_vm_that_is_not_there(self, rig: Rig) -> None:
        fields = ("GET /api/vms/none/ports/3000/ HTTP/1.1", "Hatchway-Token: secret-api-token")
        head, body = await rig.ask(rig.request(*fields, host="localhost"))
        assert head.startswith(b"HTTP/1.1 404 ")
        assert b'"code": "vm_not_found"' in body

    async def test_a_port_that_is_none(self, rig: Rig) -> None:
        for port in ("none", "65536"):
            fields = (f"GET /api/vms/vm1/ports/{port}/ HTTP/1.1", "Hatchway-Token: secret-api-token")
            head, body = await rig.ask(rig.request(*fields, host="localhost"))
            assert head.startswith(b"HTTP/1.1 400 ")
            assert b'"code": "invalid_port"' in body

    async def test_any_other_error_shows_nothing_of_itself(self, rig: Rig) -> None:
        await rig.upstream(echo)

        async def dial(upstream: object) -> object:
            raise OSError("/root/secret")

        rig.backend.dial = dial  # type: ignore[method-assign, assignment]
        head, body = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"secret" not in body

    async def test_a_body_that_was_being_sent_meanwhile(self, rig: Rig) -> None:
        upstream = await rig.upstream(answers(ok()))
        await upstream.stop()
        head, _ = await rig.ask(
            rig.request("POST / HTTP/1.1", "Content-Length: 1000000", body=b"x" * 500_000)
        )
        assert head.startswith(b"HTTP/1.1 502 ")
