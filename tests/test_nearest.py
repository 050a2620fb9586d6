from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hatchway.nearest import unknown_setting

KNOWN = {"port": "--port", "token": "--token"}


def test_the_nearest_is_named_as_it_is_written() -> None:
    error = unknown_setting("there is no prot", "prot", KNOWN, "there are two")
    assert (error.code, error.message, error.hint) == (
        "unknown_setting",
        "there is no prot",
        "did you mean --port?",
    )


@given(st.text())
def test_whatever_the_name_the_hint_is_one_of_few(name: str) -> None:
    hint = unknown_setting("no", name, KNOWN, "there are two").hint
    assert hint in {"did you mean --port?", "did you mean --token?", "there are two"}
    assert name != "xyz" or hint == "there are two"
