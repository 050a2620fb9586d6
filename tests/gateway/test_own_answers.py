"""What the gateway answers itself says when it was said."""

from __future__ import annotations

import pytest

from gateway.conftest import TOKEN, Rig, until
from gateway.zoo import answers, ok

DATE = b"\r\nDate: Mon, 12 Jan 1970 13:46:40 GMT\r\n"
"""By the rig's clock."""


@pytest.mark.parametrize(
    ("line", "fields", "host", "status"),
    [
        ("GET / HTTP/1.1", (), "gone.localhost", b"403"),
        ("GET / HTTP/1.1", ("Content-Length: x",), None, b"400"),
        ("OPTIONS * HTTP/1.1", (), "localhost", b"204"),
        ("OPTIONS / HTTP/1.1", ("Origin: a", "Access-Control-Request-Method: PUT"), None, b"204"),
        (f"GET /fetch/{TOKEN} HTTP/1.1", (), "localhost", b"308"),
    ],
)
async def test_the_date_is_in_every_answer(
    rig: Rig, line: str, fields: tuple[str, ...], host: str | None, status: bytes
) -> None:
    await rig.upstream(answers(ok()))
    client = await rig.client()
    client.send(rig.request(line, *fields, host=host))
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 %s " % status)
    assert head.count(DATE) == 1


async def test_a_service_that_says_no_date_gets_the_gateways(rig: Rig) -> None:
    await rig.upstream(answers(ok()))
    client = await rig.client()
    for _ in range(2):
        client.send(rig.request())
        head, _ = await client.answer()
        assert head.count(DATE) == 1
    rig.clock.now += 1
    await until(lambda: rig.gateway.date.endswith(b":41 GMT"))
    client.send(rig.request())
    head, _ = await client.answer()
    assert head.count(DATE.replace(b":40", b":41")) == 1
