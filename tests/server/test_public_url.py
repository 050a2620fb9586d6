from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import InvalidRequest
from hatchway.server.public_url import PublicUrl, parse_public_url


@pytest.mark.parametrize(
    ("text", "parts", "shown"),
    [
        ("https://preview.example.org", ("https", "preview.example.org", 443), "https://preview.example.org"),
        (
            "https://preview.example.org/",
            ("https", "preview.example.org", 443),
            "https://preview.example.org",
        ),
        (
            "HTTPS://Preview.Example.org:443",
            ("https", "preview.example.org", 443),
            "https://preview.example.org",
        ),
        ("http://example.org", ("http", "example.org", 80), "http://example.org"),
        ("http://example.org:443", ("http", "example.org", 443), "http://example.org:443"),
        ("https://localhost:8443", ("https", "localhost", 8443), "https://localhost:8443"),
        ("http://192.0.2.1:8080", ("http", "192.0.2.1", 8080), "http://192.0.2.1:8080"),
        ("https://[2001:DB8:0::1]:1", ("https", "[2001:db8::1]", 1), "https://[2001:db8::1]:1"),
    ],
)
def test_a_public_url(text: str, parts: tuple[str, str, int], shown: str) -> None:
    url = parse_public_url(text)
    assert (url.scheme, url.host, url.port) == parts
    assert str(url) == shown
    assert parse_public_url(shown) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "preview.example.org",
        "//preview.example.org",
        "ftp://preview.example.org",
        "https://",
        "https://preview.example.org:0",
        "https://preview.example.org:65536",
        "https://preview.example.org:",
        "https://preview.example.org/app",
        "https://preview.example.org?x",
        "https://preview.example.org#x",
        "https://me:hunter2@preview.example.org",
        "https://preview..example.org",
        "https://-a.example.org",
        "https://a_b.example.org",
        "https://*.example.org",
        "https://192.0.2",
        "https://192.0.2.256",
        "https://[192.0.2.1]",
        "https://[::1",
        "https://[1::2::3]",
        "https://2001:db8::1",
        "https://preview.example.org\n",
        " https://preview.example.org",
        "https://" + ".".join(["a" * 60] * 5),
    ],
)
def test_what_is_no_public_url(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_public_url(text)
    assert caught.value.code == "invalid_setting"
    assert "hunter2" not in str(caught.value)


@given(st.text() | st.text("htps:/.[]@0123456789ab", max_size=30).map("https://".__add__))
def test_anything_is_a_public_url_or_refused(text: str) -> None:
    try:
        url = parse_public_url(text)
    except InvalidRequest:
        return
    assert parse_public_url(str(url)) == url


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("preview.localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("localhost.example.org", False),
        ("notlocalhost", False),
        ("192.0.2.1", False),
        ("[2001:db8::1]", False),
    ],
)
def test_what_leads_to_this_machine(host: str, local: bool) -> None:
    assert PublicUrl("http", host, 80).is_local is local
