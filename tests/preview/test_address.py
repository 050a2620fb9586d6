"""The addresses of a preview, there and back."""

from __future__ import annotations

from urllib.parse import quote, urlencode

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


visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=20)
"""What an API token may be."""
queries = st.lists(st.sampled_from(["x=1", "y", "=", "", "rvtx=1", "z=rvt-token", "é=%20"]), max_size=3).map(
    "&".join
)
ACTOR = "rvt-namespace=default&rvt-method=getOrCreate&rvt-key=a%2Cb"


@given(tokens, visible, st.sampled_from(["@", "%40"]), rests)
def test_a_credential_in_the_path_is_nowhere_behind(
    token: str, credential: str, mark: str, rest: bytes
) -> None:
    secret = quote(credential, safe="")
    address = parse_path(f"/gateway/vm1{mark}{secret}/request/fetch/{token}".encode() + rest)
    assert address is not None
    assert address.moved
    assert (address.token, address.prefix, address.rest) == (token, f"/request/fetch/{token}".encode(), rest)


@given(tokens, visible, queries, queries, st.sampled_from(["", "/", "/a/b"]))
def test_a_credential_in_the_query_is_nowhere_behind(
    token: str, credential: str, before: str, behind: str, path: str
) -> None:
    kept = [each for each in (before, behind) if each]
    secret = urlencode({"rvt-token": credential})
    query = "&".join([*([before] if before else []), ACTOR, secret, *([behind] if behind else [])])
    address = parse_path(f"/gateway/vm/request/fetch/{token}{path}?{query}".encode())
    assert address is not None
    assert address.moved
    assert (address.token, address.prefix) == (token, f"/request/fetch/{token}".encode())
    assert address.rest == (path + ("?" + "&".join(kept) if kept else "")).encode()


@given(tokens, queries, st.sampled_from(["", "/", "/a/b"]))
def test_parameters_that_name_a_vm_are_not_for_the_service(token: str, query: str, path: str) -> None:
    prefix = f"/gateway/vm/request/fetch/{token}"
    address = parse_path(f"{prefix}{path}?{query}{'&' if query else ''}{ACTOR}".encode())
    assert address is not None
    assert not address.moved
    assert (address.prefix, address.rest) == (
        prefix.encode(),
        (path + ("?" + query if query else "")).encode(),
    )


@given(tokens, visible, rests)
def test_an_address_behind_the_query_of_a_gateway_url(token: str, credential: str, rest: bytes) -> None:
    """So a 2.3 client's users write it: its gateway URL, and the path of a preview behind."""
    query = f"{ACTOR}&" + urlencode({"rvt-token": credential})
    for each in (query, ACTOR):
        address = parse_path(f"/gateway/vm?{each}/request/fetch/{token}".encode() + rest)
        assert address is not None
        assert address.moved
        assert (address.token, address.prefix, address.rest) == (
            token,
            f"/request/fetch/{token}".encode(),
            rest,
        )


@given(tokens, queries)
def test_addresses_of_no_client_keep_their_queries(token: str, query: str) -> None:
    for before in ("", "/request"):
        rest = f"/?{query}&rvt-token=x&rvt-key=y".encode()
        address = parse_path(f"{before}/fetch/{token}".encode() + rest)
        assert address is not None
        assert (address.rest, address.moved) == (rest, False)


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_any_address_of_a_client_has_an_answer_without_its_credential(
    actor: bytes, token: bytes, rest: bytes
) -> None:
    for target in (
        b"/gateway/" + actor + b"@s3cret-of-a-client/request/fetch/" + token + rest,
        b"/gateway/" + actor + b"/request/fetch/" + token + b"?" + rest + b"&rvt-token=s3cret-of-a-client",
        b"/gateway/vm?rvt-token=s3cret-of-a-client&" + actor + b"/request/fetch/" + token + rest,
    ):
        address = parse_path(target)
        if address is not None:
            assert b"s3cret-of-a-client" not in address.prefix + address.rest
            assert address.rest == b"" or address.rest[:1] in b"/?"


@pytest.mark.parametrize(
    "target",
    [
        b"/gateway/vm?x=1/request/fetch/t",
        b"/gateway/vm?rvt-key=k/request/fetc/t",
        b"/gateway/a/b?rvt-key=k/request/fetch/t",
        b"/api/vms?rvt-key=k/request/fetch/t",
        b"/gateway/?rvt-key=k/request/fetch/t",
        b"/gateway/vm?rvt-key=k",
    ],
)
def test_other_queries_are_no_previews(target: bytes) -> None:
    assert parse_path(target) is None


def test_no_credential_in_a_repr() -> None:
    assert "s3cret" not in repr(parse_path(b"/gateway/vm@s3cret/request/fetch/t/"))
