"""What JavaScript can send and be sent, for property tests."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from hatchway.api.rivet.js_values import UNDEFINED

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["$Uint8Array", "$BigInt", "$Undefined", "$Set", "$", "$$", "\0", "\U0001f600"]
)
"""UTF-8: lone surrogates are in no message."""
any_text = st.text(st.characters(), max_size=12)
"""With lone surrogates."""
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.just(UNDEFINED) | st.booleans() | numbers | text | st.binary(max_size=12)


def nested(leaves: st.SearchStrategy[Any], names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Arrays and objects of them; also arrays that look like a tag and its value."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.tuples(names, inner).map(list)
            | st.dictionaries(names, inner, max_size=4)
        ),
        max_leaves=12,
    )


values = nested(scalars, text)
"""What a message can hold."""
outputs = nested(scalars | any_text | st.integers(-(2**80), 2**80) | st.floats(), any_text)
"""What an action could return, whatever a guest put into it."""


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JavaScript, which has one kind of number; but NaN is itself here."""
    if isinstance(one, (list, tuple)):
        return isinstance(other, (list, tuple)) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(value, other[name]) for name, value in one.items())
        )
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    if isinstance(one, (int, float)) and not isinstance(one, bool):
        return isinstance(other, (int, float)) and not isinstance(other, bool) and float(one) == float(other)
    return type(one) is type(other) and bool(one == other)
