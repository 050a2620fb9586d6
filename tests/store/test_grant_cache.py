from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hatchway.preview.grant import Grant
from hatchway.store.grant_cache import GrantCache

digests = st.binary(min_size=1, max_size=1)
steps = st.lists(st.tuples(st.sampled_from(["put", "unknown", "get"]), digests), max_size=200)


def grant(number: int) -> Grant:
    return Grant(number, "vm", 3000, 10.0)


@given(steps)
def test_it_never_contradicts_the_last_word_and_stays_in_bounds(program: list[tuple[str, bytes]]) -> None:
    cache = GrantCache(grants=4, unknown=3)
    last: dict[bytes, Grant | None] = {}
    for number, (what, digest) in enumerate(program):
        if what == "put":
            last[digest] = grant(number)
            cache.put(digest, grant(number))
        elif what == "unknown":
            last[digest] = None
            cache.put_unknown([digest])
        found = cache.get(digest)
        assert found is None or found == last[digest]
        assert not cache.is_unknown(digest) or last[digest] is None
        assert not (found is not None and cache.is_unknown(digest))
        if what != "get":
            assert (found is not None) == (what == "put")
            assert cache.is_unknown(digest) == (what == "unknown")
        assert len(cache) <= 7


def test_the_least_recently_used_grant_goes_first() -> None:
    cache = GrantCache(grants=2, unknown=2)
    cache.put(b"a", grant(1))
    cache.put(b"b", grant(2))
    cache.get(b"a")
    cache.put(b"c", grant(3))
    assert cache.get(b"a") is not None
    assert cache.get(b"b") is None


def test_made_up_tokens_do_not_push_out_grants() -> None:
    cache = GrantCache(grants=2, unknown=2)
    cache.put(b"a", grant(1))
    cache.put_unknown(bytes([n]) for n in range(50))
    assert cache.get(b"a") == grant(1)
