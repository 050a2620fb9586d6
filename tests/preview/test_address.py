"""The addresses of a preview, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.preview.address import fetch_path, host_name, host_url, parse_host, parse_path

tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=32, max_size=32)
domains = st.sampled_from(["localhost", "preview.example.com", "Previews.Example.org"])
rests = (
    st.text("abc/?&=.%é ", max_size=20).map(lambda text: ("/" + text).encode())
    | st.just(b"")
    | st.just(b"?a=/b")
)


@given(tokens, domains, st.integers(1, 65535), st.booleans())
def test_host_round_trip_in_any_case_with_and_without_a_port(
    token: str, domain: str, port: int, upper: bool
) -> None:
    host = host_name(token, domain)
    for text in (host, f"{host}:{port}", f"{host}.", f"{host}.:{port}", f"{host}:"):
        assert parse_host((text.upper() if upper else text).encode(), domain) == token


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"localhost:6420",
        b"127.0.0.1:6420",
        b"[::1]:6420",
        b"[::1]",
        b"evillocalhost",
        b"localhost.evil.com",
        b"",
    ],
)
def test_other_hosts_are_no_previews(host: bytes) -> None:
    assert parse_host(host, "localhost") is None


@pytest.mark.parametrize(
    ("host", "label"),
    [(b"x.localhost", "x"), (b"a.b.localhost:1", "a.b"), (b".localhost", ""), (b"\xff.localhost", "ÿ")],
)
def test_a_label_that_is_no_token_is_still_a_previews(host: bytes, label: str) -> None:
    assert parse_host(host, "localhost") == label


@given(st.binary(max_size=60))
def test_any_host_has_an_answer(host: bytes) -> None:
    label = parse_host(host, "localhost")
    assert label is None or host.lower().startswith(label.encode("latin-1").lower())


@given(tokens, rests, st.sampled_from(["", "/request", "/gateway/vm-1/request", "/gateway/%5Ba%5D/request"]))
def test_path_round_trip(token: str, rest: bytes, before: str) -> None:
    target = f"{before}/fetch/{token}".encode() + rest
    address = parse_path(target)
    assert address is not None
    assert address.token == token
    assert address.prefix + address.rest == target
    assert address.rest == rest


def test_what_is_printed_is_parsed() -> None:
    address = parse_path(fetch_path("t" * 32).encode())
    assert address is not None
    assert (address.token, address.rest) == ("t" * 32, b"")


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/fetch",
        b"/api/fetch/x",
        b"/request/fetc/x",
        b"/gateway/request/fetch/x",
        b"/gateway/a/b/request/fetch/x",
        b"/Fetch/x",
        b"//fetch/x",
        b"*",
    ],
)
def test_other_paths_are_no_previews(target: bytes) -> None:
    assert parse_path(target) is None


@pytest.mark.parametrize(
    "target", [b"/fetch/", b"/fetch//api", b"/fetch/../api", b"/fetch/?x", b"/request/fetch/UPPER/x"]
)
def test_a_malformed_token_is_still_a_previews(target: bytes) -> None:
    assert parse_path(target) is not None


@given(st.binary(max_size=80))
def test_any_target_has_an_answer(target: bytes) -> None:
    address = parse_path(target)
    assert address is None or address.prefix + address.rest == target


def test_urls() -> None:
    assert host_url("tok", "localhost", 6420) == "http://tok.localhost:6420/"
    assert (
        host_url("tok", "p.example.com", 443, scheme="https", path="/x?y") == "https://tok.p.example.com/x?y"
    )
    assert host_url("tok", "localhost", 80) == "http://tok.localhost/"
    assert host_url("tok", "localhost", 443) == "http://tok.localhost:443/"


def test_no_token_in_a_repr() -> None:
    address = parse_path(b"/fetch/secret/")
    assert "secret" not in repr(address)


@pytest.mark.parametrize("name", [b"x;Domain=localhost", b";", b"x;y"])
def test_a_vm_name_with_a_semicolon_is_in_no_prefix(name: bytes) -> None:
    """A prefix becomes a part of cookies' Path."""
    assert parse_path(b"/gateway/%s/request/fetch/%s/" % (name, b"a" * 32)) is None
