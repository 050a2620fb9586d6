"""Names in archives, and links, held against what a real file system makes of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatchway.archive.member import ArchiveError
from hatchway.archive.names import parts, stays_inside


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a", [b"a"]),
        (b"./a//b/.", [b"a", b"b"]),
        (b".", []),
        (b"./", []),
        (b"a\nb/\xff", [b"a\nb", b"\xff"]),
        (b"..a/b..", [b"..a", b"b.."]),
    ],
)
def test_parts(name: bytes, expected: list[bytes]) -> None:
    assert parts(name, absolute=False) == expected


@pytest.mark.parametrize(
    "name", [b"", b"..", b"a/..", b"../a", b"a/../b", b"a\0b", b"/a", b"/", b"a/" * 2048]
)
def test_names_that_are_refused(name: bytes) -> None:
    with pytest.raises(ArchiveError):
        parts(name, absolute=False)


def test_absolute_names() -> None:
    assert parts(b"/a/b", absolute=True) == [b"a", b"b"]
    with pytest.raises(ArchiveError):
        parts(b"/../a", absolute=True)


@pytest.mark.parametrize(
    ("target", "depth", "inside"),
    [
        (b"a", 0, True),
        (b"../a", 0, False),
        (b"../a", 1, True),
        (b"../../a", 1, False),
        (b"..", 1, True),
        (b".", 0, True),
        (b"/etc/passwd", 5, False),
        (b"", 5, False),
        (b"a/../../b", 5, False),
        (b"./.././../a", 2, True),
    ],
)
def test_links(target: bytes, depth: int, inside: bool) -> None:
    assert stays_inside(target, depth) == inside


# Few names and folders, so that links meet each other.
_parts = st.sampled_from(["a", "b", "c", "..", "."])
_targets = st.lists(_parts, min_size=1, max_size=5).map("/".join)
_places = st.sampled_from(["a", "b", "c", "d/a", "d/b", "d/e/a", "d/e/b", "d/e/f/a"])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(_places, _targets, max_size=6))
def test_links_that_stay_inside_do_so_together(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str]
) -> None:
    root = Path(os.path.realpath(tmp_path_factory.mktemp("links")))
    (root / "d/e/f").mkdir(parents=True)
    for place, target in links.items():
        if stays_inside(target.encode(), place.count("/")):
            (root / place).symlink_to(target)
    for place in links:
        real = Path(os.path.realpath(root / place))
        assert real == root or root in real.parents
