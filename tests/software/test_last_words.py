from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.software.last_words import last_words

SECRET = "s3cr3tS3CR3T"
words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("npm error code E404", "npm error code E404"),
        ("one\n\n two \r\nthree\nfour\nfive\n", "two / three / four / five"),
        ("\x1b[31merror\x1b[0m it \x07rang", "error it \ufffdrang"),
        ("GET https://registry.example.org/serve", "GET https://registry.example.org/serve"),
        (f"GET https://me:{SECRET}@example.org/serve", "GET https://example.org/serve"),
        (f"GET https://example.org/x?sig={SECRET}&a=b failed", "GET https://example.org/x failed"),
        (f"GET https://example.org/x#{SECRET}", "GET https://example.org/x"),
        (f"//example.org/:_authToken={SECRET}", "[hidden]"),
        (f"Authorization: Bearer {SECRET}", "[hidden]"),
        (f"saw npm_{SECRET} and pypi-{SECRET}!", "saw [hidden] and [hidden]!"),
        ("cannot open /home/me/x.log, or '~/x'", "cannot open [path], or '[path]'"),
        ("see file:///home/me/y and (/home/me/x)", "see [path] and ([path])"),
        ("", ""),
    ],
)
def test_what_is_left_of_them(text: str, left: str) -> None:
    assert last_words(text) == left


def test_they_are_few() -> None:
    assert len(last_words("word " * 1000)) == 401


@given(words, words, words)
def test_no_credentials_in_addresses(before: str, secret: str, after: str) -> None:
    secret = f"<{secret}>"  # told apart from what is around it
    for text in (
        f"{before} https://{before}:{secret}@{after}/",
        f"{before} git+ssh://{secret}@{after}.org:22/x@y",
        f"http://{after}/?{before}={secret}#x",
        f"{before} {after}_PASSWORD={secret} {after}",
        f"{before} password: {after} {secret}",
        f"{before} /{after}/{secret}/x",
    ):
        assert secret not in last_words(text), text


@given(st.text())
def test_they_are_one_line_of_a_log(text: str) -> None:
    assert not {unicodedata.category(each) for each in last_words(text).replace("\t", "")} & {
        "Cc",
        "Zl",
        "Zp",
        "Cs",
    }
