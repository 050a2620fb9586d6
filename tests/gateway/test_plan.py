"""What is remembered of heads and answers."""

from __future__ import annotations

from gateway.conftest import TOKEN, Rig
from gateway.zoo import Conversation, echo, ok
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.plan import make_plan
from hatchway.gateway.recent import Recent
from hatchway.gateway.request_shape import PublicFace
from hatchway.gateway.seam import Allow, Upstream

DATED = b"HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 2\r\n\r\n"
NOW = b"Mon, 12 Jan 1970 13:46:40 GMT"
FACE = PublicFace("localhost", "http", 6420)
RAW = f"GET /a HTTP/1.1\r\nHost: {TOKEN}.localhost:1\r\nAuthorization: Bearer secret\r\n\r\n".encode()


def test_the_oldest_is_forgotten_first() -> None:
    recent: Recent[int, int] = Recent(3)
    for n in range(5):
        recent.remember(n, n)
    assert list(recent) == [2, 3, 4]


def test_a_route_stays_the_same_while_the_permission_does() -> None:
    plan = make_plan(RAW, FACE, GatewayLimits())
    allow = Allow(Upstream("vm", 3000), 1)
    assert plan.route(allow) is plan.route(Allow(Upstream("vm2", 3000), 2))
    assert b"Host: localhost:3000\r\n" in plan.route(allow).request
    assert b"Host: localhost:80\r\n" in plan.route(Allow(Upstream("vm", 80), 1)).request
    assert b"Authorization" in plan.route(allow).request
    assert b"Authorization" not in plan.route(Allow(Upstream("vm", 3000), 1, drop_authorization=True)).request


def test_no_secret_in_a_repr() -> None:
    plan = make_plan(RAW, FACE, GatewayLimits())
    assert TOKEN not in repr(plan)
    assert "secret" not in repr(plan.facts)


def test_an_answer_is_rendered_once_but_not_where_the_connection_has_to_close() -> None:
    route = make_plan(RAW, FACE, GatewayLimits()).route(Allow(Upstream("vm", 3000), 1))
    answer = route.answers.render(DATED, NOW, close=False)
    assert route.answers.get(DATED) is answer
    closing = route.answers.render(DATED, NOW, close=True)
    assert closing.close
    assert b"Connection: close\r\n" in closing.head
    assert route.answers.get(DATED) is answer
    assert not answer.close


def test_an_answer_without_a_date_gets_one_that_is_not_remembered() -> None:
    answers = make_plan(RAW, FACE, GatewayLimits()).route(Allow(Upstream("vm", 3000), 1)).answers
    undated = ok()[:-2]
    for date in (NOW, NOW.replace(b"40", b"41")):
        answer = answers.get(undated) or answers.render(undated, date, close=False)
        assert answer.head.endswith(b"\r\nDate: %s\r\n\r\n" % date)
        assert answer.head.lower().count(b"\r\ndate:") == 1
    assert not answers
    for head in (DATED, DATED.replace(b"Date", b"dAte")):
        answers.render(head, NOW, close=False)
        assert answers[head].head.lower().count(b"\r\ndate: then\r\n") == 1
        assert NOW not in answers[head].head
    assert b"Date" not in answers.render(b"HTTP/1.1 103 Early Hints\r\n\r\n", NOW, close=False).head


async def test_what_is_remembered_is_bounded(rig: Rig) -> None:
    await rig.upstream(echo)
    client = await rig.client()
    for n in range(600):
        client.send(rig.request(f"GET /{n} HTTP/1.1"))
        _, body = await client.answer()
        assert body.startswith(b"GET /%d " % n)
    assert len(rig.gateway.known_peer("127.0.0.1")[0]) == 256
    await rig.ask(rig.request("GET / HTTP/1.1", "X: " + "y" * 5000))
    assert max(map(len, rig.gateway.known_peer("127.0.0.1")[0])) <= 4096


async def test_the_same_head_gets_each_answer_as_it_comes(rig: Rig) -> None:
    """An answer is remembered by its head, so another one is never mistaken for it."""
    bodies = [b"%d" % n * (n + 1) for n in range(20)]

    async def script(conversation: Conversation) -> None:
        for body in bodies:
            await conversation.head()
            await conversation.send(ok(body, b"X-Turn: %d\r\n" % len(body)))
        await conversation.rest()

    await rig.upstream(script)
    client = await rig.client()
    for body in bodies:
        client.send(rig.request())
        head, received = await client.answer()
        assert received == body
        assert b"\r\nX-Turn: %d\r\n" % len(body) in head
