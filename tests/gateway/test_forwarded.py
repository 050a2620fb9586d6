"""Who asked, as a service is told."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conftest import Rig, running_rig
from gateway.zoo import echo
from hatchway.gateway.forwarded import Claims, forwarded_lines, is_trusted, read_claims
from hatchway.gateway.framing import parse_fields
from hatchway.gateway.limits import GatewayLimits

SENT = (
    b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Proto: https\r\n"
    b"X-Forwarded-Port: 8443\r\n"
)


def test_of_a_client_only_its_address_counts() -> None:
    assert forwarded_lines("10.0.0.1", "http", 6420) == (
        b"X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 6420\r\n"
        b"Forwarded: for=10.0.0.1;proto=http\r\n"
    )
    assert b'Forwarded: for="[::1]";proto=https\r\n' in forwarded_lines("::1", "https", 443)


def test_a_trusted_proxy_speaks_for_its_client() -> None:
    claims = read_claims(parse_fields(SENT, 9))
    assert claims == Claims(b"1.2.3.4, 5.6.7.8", "https", b"8443", b"")
    assert forwarded_lines("10.0.0.1", "http", 80, claims) == (
        b"X-Forwarded-For: 1.2.3.4, 5.6.7.8, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Port: 8443\r\nForwarded: for=1.2.3.4;proto=https, for=5.6.7.8, for=10.0.0.1\r\n"
    )


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", b"X-Forwarded-For: ::1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n"),
        (b"X-Forwarded-Proto: HTTPS\r\n", b"X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n"),
        (b"X-Forwarded-Proto: http, https\r\n", b"X-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n"),
        (b"X-Forwarded-Port: 0\r\n", b"X-Forwarded-Port: 80\r\n"),
        (b"Forwarded: for=_hidden;by=x\r\n", b'Forwarded: for=_hidden;by=x, for="[::1]"\r\n'),
        (
            b"X-Forwarded-For: me, [2001:db8::1]\r\n",
            b'for=unknown;proto=http, for="[2001:db8::1]", for="[::1]"',
        ),
    ],
)
def test_what_a_trusted_proxy_leaves_out_or_gets_wrong(sent: bytes, told: bytes) -> None:
    assert told in forwarded_lines("::1", "http", 80, read_claims(parse_fields(sent, 9)))


@given(
    st.lists(st.sampled_from([b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Port", b"Forwarded"])),
    st.data(),
)
def test_whatever_a_proxy_claims_the_lines_are_fields(names: list[bytes], data: st.DataObject) -> None:
    values = st.text(
        st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20
    )
    block = b"".join(b"%s: %s\r\n" % (name, data.draw(values).encode("latin-1")) for name in names)
    try:
        fields = parse_fields(block, 99)
    except Exception:  # noqa: BLE001 - such a head is refused before anybody reads claims in it
        return
    told = parse_fields(forwarded_lines("10.0.0.1", "http", 80, read_claims(fields)), 9)
    assert [each.name for each in told] == [
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-port",
        b"forwarded",
    ]
    assert told[0].value.endswith(b"10.0.0.1")


def test_who_is_trusted() -> None:
    proxies = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    assert is_trusted("10.1.2.3", proxies)
    assert is_trusted("::ffff:10.1.2.3", proxies)
    assert is_trusted("fd00::1", proxies)
    assert not is_trusted("11.1.2.3", proxies)
    assert not is_trusted("unknown", proxies)


async def _seen(rig: Rig, *fields: str) -> bytes:
    _, body = await rig.ask(rig.request("GET / HTTP/1.1", *fields))
    return body


async def test_a_service_sees_no_forged_address(rig: Rig) -> None:
    await rig.upstream(echo)
    seen = await _seen(
        rig,
        "X-Forwarded-For: 6.6.6.6",
        "X-Forwarded-Proto: https",
        "Forwarded: for=6.6.6.6",
        "X-Real-IP: 6.6.6.6",
    )
    assert b"6.6.6.6" not in seen
    assert b"X-Forwarded-For: 127.0.0.1\r\n" in seen
    assert b"X-Forwarded-Proto: http\r\n" in seen
    assert b"X-Forwarded-Port: %d\r\n" % rig.port in seen


async def test_behind_a_trusted_proxy_a_service_sees_the_visitor(limits: GatewayLimits) -> None:
    async with running_rig(limits, trusted_proxies=[ip_network("127.0.0.0/8")]) as rig:
        await rig.upstream(echo)
        for visitor in ("6.6.6.6", "7.7.7.7"):
            seen = await _seen(
                rig,
                f"X-Forwarded-For: {visitor}",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Host: other.example",
            )
            assert f"X-Forwarded-For: {visitor}, 127.0.0.1\r\n".encode() in seen
            assert b"X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n" in seen
            assert b"other.example" not in seen


async def test_names_that_a_service_may_take_for_ours_are_dropped(rig: Rig) -> None:
    """CGI and WSGI make one variable of `X-Forwarded-For` and `X_Forwarded_For`."""
    await rig.upstream(echo)
    seen = await _seen(
        rig,
        "X_Forwarded_For: 6.6.6.6",
        "X-Forwarded_Host: evil.example",
        "x_real_ip: 6.6.6.6",
        "Hatchway_Token: forged",
        "X_Own: kept",
    )
    assert b"6.6.6.6" not in seen
    assert b"evil.example" not in seen
    assert b"forged" not in seen
    assert b"\r\nX_Own: kept\r\n" in seen
