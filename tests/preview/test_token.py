from __future__ import annotations

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.preview import token


def test_a_token_is_a_dns_label_of_32_characters() -> None:
    minted = token.mint()
    assert len(minted) == 32 <= 63
    assert set(minted) <= set(string.ascii_lowercase + string.digits)
    assert token.is_token(minted)


def test_every_character_comes_at_every_place_and_no_token_twice() -> None:
    # The chance that a fair draw misses one of 1,152 pairs in 2,000 tokens is below 1e-21.
    minted = [token.mint() for _ in range(2000)]
    assert len(set(minted)) == len(minted)
    for place in range(token.LENGTH):
        assert {text[place] for text in minted} == set(token.ALPHABET)


@given(st.text(st.sampled_from(string.printable + "é１"), max_size=40) | st.from_regex(r"[a-z0-9]{32}\n?"))
def test_the_form_of_a_token(text: str) -> None:
    assert token.is_token(text) == (len(text) == 32 and all(c in token.ALPHABET for c in text))


@pytest.mark.parametrize("change", [str.upper, lambda t: t[:-1], lambda t: t + "a", lambda t: t[:-1] + "\n"])
def test_what_comes_close_is_no_token(change: object) -> None:
    assert callable(change)
    assert not token.is_token(change("a" + token.mint()[1:]))


def test_the_digest_is_sha_256() -> None:
    assert token.digest("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    minted = token.mint()
    assert token.digest(minted) == hashlib.sha256(minted.encode()).digest()
    assert minted.encode() not in token.digest(minted)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_an_id_is_found_by_the_digests_that_begin_with_it_and_no_others(digest: bytes, other: bytes) -> None:
    name = token.preview_id(digest)
    assert token.is_preview_id(name)
    least, greatest = token.digest_range(name)
    assert len(least) == len(greatest) == 32
    assert least <= digest <= greatest
    assert (least <= other <= greatest) == (token.preview_id(other) == name)


def test_an_id_holds_little_of_the_digest_and_nothing_of_the_token() -> None:
    minted = token.mint()
    name = token.preview_id(token.digest(minted))
    assert len(name) == token.ID_LENGTH == 20
    assert bytes.fromhex(name) == hashlib.sha256(minted.encode()).digest()[:10]
    assert not token.is_token(name)


@given(
    st.text(st.sampled_from("0123456789abcdefABCDEFg\u0661 \n"), max_size=24)
    | st.from_regex(r"[0-9a-f]{20}\n?")
)
def test_the_form_of_an_id(text: str) -> None:
    assert token.is_preview_id(text) == (len(text) == 20 and all(c in "0123456789abcdef" for c in text))
