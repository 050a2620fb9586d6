from __future__ import annotations

import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.client.fetch_request import fetch_headers, fetch_method, fetch_target
from hatchway.errors import InvalidRequest


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/", "/"),
        ("", "/"),
        ("/api/data", "/api/data"),
        ("api/data", "/api/data"),
        ("?q=1", "/?q=1"),
        ("/a?q=1&r=%20#part", "/a?q=1&r=%20"),
        ("#part", "/"),
        ("/a?", "/a?"),
        ("http://localhost:3000/a?b=c#d", "/a?b=c"),
        ("https://example.org", "/"),
        ("HTTP://user:secret@example.org?x", "/?x"),
        ("http://[::1]:3000/x", "/x"),
        ("//double/slash", "//double/slash"),
        ("/to?next=http://elsewhere/", "/to?next=http://elsewhere/"),
        ("localhost:3000/x", "/localhost:3000/x"),
        ("/a/./b/../c", "/a/c"),
        ("/../../api/vms", "/api/vms"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/.%2e", "/"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/a/...", "/a/..."),
        ("/a?x=/../b", "/a?x=/../b"),
        ("/a b\t", "/a%20b%09"),
        ("/grüße?ü", "/gr%C3%BC%C3%9Fe?%C3%BC"),
        ('/<a>"\\^`{|}', "/%3Ca%3E%22%5C%5E%60%7B%7C%7D"),
        ("/x\r\nHost: evil", "/x%0D%0AHost:%20evil"),
        ("/%zz%41", "/%zz%41"),
    ],
)
def test_targets(url: str, target: str) -> None:
    assert fetch_target(url) == target


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "ws://host/", "/\ud800", None, b"/"])
def test_what_is_no_url_for_a_service(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fetch_target(url)
    assert caught.value.code == "invalid_url"


anything = st.text(st.characters(exclude_categories=["Cs"]))
pathlike = st.lists(
    st.sampled_from(["..", ".", "%2e", "%2E.", "a", "", "/", "/", "/", "?", "#", "%", "ü"])
).map("".join)


@given(anything | pathlike)
def test_a_target_is_always_a_visible_path_that_stays_inside(url: str) -> None:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url):
        url = "/" + url
    target = fetch_target(url)
    assert re.fullmatch(r"/[!-~]*", target)
    assert "#" not in target
    segments = target.partition("?")[0].lower().replace("%2e", ".").split("/")
    assert "." not in segments
    assert ".." not in segments


@given(anything | pathlike)
def test_a_target_is_its_own_target(url: str) -> None:
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url):
        target = fetch_target(url)
        assert fetch_target(target) == target


@given(pathlike, st.sampled_from(["http://h", "https://h:3000", "HTTP://u@[::1]"]))
def test_the_authority_of_an_absolute_url_says_nothing(path: str, origin: str) -> None:
    assert fetch_target(f"{origin}/{path}") == fetch_target(f"/{path}")


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("GET", "GET"),
        ("post", "POST"),
        ("Patch", "PATCH"),
        ("PROPFIND", "PROPFIND"),
        ("m-search", "m-search"),
    ],
)
def test_methods(method: str, sent: str) -> None:
    assert fetch_method(method) == sent


@pytest.mark.parametrize("method", ["", "GET ", "GE T", "GET\r\n", "GÉT", "a/b", None, b"GET"])
def test_what_is_no_method(method: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fetch_method(method)
    assert caught.value.code == "invalid_method"


def test_headers_keep_order_repetition_and_case() -> None:
    pairs = [("X-B", "1"), ("x-a", "2"), ("X-B", "3")]
    assert fetch_headers(pairs, has_length=True) == pairs
    assert fetch_headers(httpx.Headers([("a", "1"), ("b", "2"), ("a", "3")]), has_length=True) == [
        ("a", "1"),
        ("b", "2"),
        ("a", "3"),
    ]
    assert fetch_headers({"A": "1"}, has_length=True) == [("A", "1")]
    assert fetch_headers(None, has_length=True) == []


def test_the_services_credentials_pass_and_the_connections_headers_do_not() -> None:
    given_headers = {
        "Authorization": "Bearer app",
        "Cookie": "a=b",
        "Host": "evil",
        "Connection": "close",
        "Upgrade": "websocket",
        "Transfer-Encoding": "chunked",
        "Hatchway-Token": "other",
        "Content-Length": "3",
    }
    assert fetch_headers(given_headers, has_length=True) == [
        ("Authorization", "Bearer app"),
        ("Cookie", "a=b"),
    ]
    assert ("Content-Length", "3") in fetch_headers(given_headers, has_length=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("a b", "x"),
        ("a:", "x"),
        ("a\n", "x"),
        ("ü", "x"),
        (1, "x"),
        ("a", 1),
        ("a", b"x"),
        ("a", None),
    ],
)
def test_what_is_no_header(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fetch_headers([(name, value)], has_length=True)
    assert caught.value.code == "invalid_header"


@given(st.text(), st.sampled_from(["\r", "\n", "\0", "\x7f", "\x1b"]), st.text())
def test_control_characters_never_pass_and_values_are_not_told(before: str, control: str, after: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fetch_headers({"X-Secret": f"hunter2{before}{control}{after}"}, has_length=True)
    assert "hunter2" not in str(caught.value)
