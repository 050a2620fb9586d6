from __future__ import annotations

import dataclasses
import ipaddress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import InvalidRequest
from hatchway.gateway.limits import GatewayLimits
from hatchway.server.given_settings import given_settings, limits_with, parse_limits, parse_networks
from hatchway.server.public_url import PublicUrl
from hatchway.server.settings import Settings

FIELDS = dataclasses.asdict(GatewayLimits())


def test_nothing_given_means_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert given_settings() == Settings()


def test_everything_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATCHWAY_TOKEN", "t")
    settings = given_settings(
        host="0.0.0.0",
        port=443,
        data_dir="/data",
        preview_domain="preview.example.org",
        allowed_hosts=["api.example.org"],
        public_url="https://www.example.org",
        tls_cert="/etc/cert.pem",
        tls_key=Path("/etc/key.pem"),
        trusted_proxies=["192.0.2.1"],
        gateway_limits={"head_seconds": 10},
    )
    assert settings == Settings(
        host="0.0.0.0",
        port=443,
        data_dir=Path("/data"),
        preview_domain="preview.example.org",
        allowed_hosts=frozenset({"api.example.org", "www.example.org"}),
        public_url=PublicUrl("https", "www.example.org", 443),
        tls_cert=Path("/etc/cert.pem"),
        tls_key=Path("/etc/key.pem"),
        trusted_proxies=(ipaddress.ip_network("192.0.2.1/32"),),
        gateway_limits=GatewayLimits(head_seconds=10),
    )


def test_networks() -> None:
    assert parse_networks(["192.0.2.1", " 10.0.0.0/8 ", "2001:db8::/64", "::1"]) == tuple(
        ipaddress.ip_network(text) for text in ("192.0.2.1/32", "10.0.0.0/8", "2001:db8::/64", "::1/128")
    )
    assert parse_networks("192.0.2.1") == (ipaddress.ip_network("192.0.2.1"),)


@pytest.mark.parametrize(
    "text", ["", "proxy.example.org", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "[::1]", None]
)
def test_what_is_no_network(text: Any) -> None:
    with pytest.raises(InvalidRequest, match="a trusted proxy must be") as caught:
        parse_networks(["192.0.2.1", text])
    assert caught.value.code == "invalid_setting"


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
def test_not_everybody_is_a_trusted_proxy(everybody: str) -> None:
    with pytest.raises(InvalidRequest, match="would let every client forge its address"):
        given_settings(trusted_proxies=["192.0.2.1", everybody])


def test_limits() -> None:
    given = parse_limits(["head_seconds=2.5", " head_bytes = 1024", "wait_seconds=0", "head_seconds=10"])
    assert given == {"head_seconds": 10.0, "head_bytes": 1024, "wait_seconds": 0.0}
    assert limits_with(given) == GatewayLimits(head_seconds=10.0, head_bytes=1024, wait_seconds=0.0)
    assert limits_with({}) == GatewayLimits()


@given(st.sampled_from(sorted(FIELDS)), st.integers(1, 2**40))
def test_every_limit_can_be_given(name: str, value: int) -> None:
    assert getattr(limits_with(parse_limits([f"{name}={value}"])), name) == value


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("head_second=1", "no limit named 'head_second'", "did you mean head_seconds?"),
        ("HEAD_SECONDS=1", "no limit named 'HEAD_SECONDS'", "the limits are head_bytes, "),
        ("xyz=1", "no limit named 'xyz'", "the limits are head_bytes, "),
        ("=1", "no limit named ''", "the limits are head_bytes, "),
        ("head_seconds", "must be NAME=VALUE", "such as"),
        ("", "must be NAME=VALUE", "such as"),
        ("head_seconds=", "head_seconds must be a number, not ''", ""),
        ("head_seconds=soon", "head_seconds must be a number, not 'soon'", ""),
        ("head_seconds=nan", "head_seconds must be a number greater than 0", ""),
        ("head_seconds=0", "head_seconds must be a number greater than 0", ""),
        ("wait_seconds=-1", "wait_seconds must be a number of at least 0", ""),
        ("head_bytes=1.5", "head_bytes must be a whole number, not '1.5'", ""),
        ("head_bytes=-1", "head_bytes must be a whole number greater than 0", ""),
    ],
)
def test_what_is_no_limit(text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        limits_with(parse_limits([text]))
    assert caught.value.code == "invalid_setting"
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_limits_in_code_are_checked_alike() -> None:
    with pytest.raises(InvalidRequest, match="no limit named"):
        given_settings(gateway_limits={"heads": 5})
    with pytest.raises(InvalidRequest, match="must be a number"):
        given_settings(gateway_limits={"head_seconds": "5"})  # type: ignore[dict-item]
