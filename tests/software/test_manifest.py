from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.software.manifest import FORMAT, Manifest, Package, decode, encode

packages = st.lists(st.builds(Package, st.text(), st.text(), st.text())).map(tuple)
manifests = st.builds(
    Manifest,
    format=st.just(FORMAT),
    commands=st.lists(st.text()).map(tuple),
    packages=packages,
    number=st.integers(1, 10**6),
    size=st.integers(0, 2**53),
)


@given(manifests)
def test_what_is_written_is_read(manifest: Manifest) -> None:
    written = encode(manifest)
    assert decode(written) == manifest
    assert json.loads(written)["packages"] == [
        {"name": each.name, "version": each.version, "integrity": each.integrity}
        for each in manifest.packages
    ]


@given(manifests, st.integers(0))
def test_a_part_of_one_is_none(manifest: Manifest, length: int) -> None:
    written = encode(manifest)
    assert decode(written[: length % (len(written) - 1)]) is None


@given(st.binary())
def test_anything_else_is_none(data: bytes) -> None:
    assert decode(data) is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": FORMAT + 1},
        {"number": "1"},
        {"commands": "rg"},
        {"packages": [{"name": "x"}]},
        {"more": 1},
        {"name": None},
    ],
)
def test_other_formats_are_none(change: dict[str, object]) -> None:
    whole = Manifest(FORMAT, "x", "npm x", ("x",), "x86_64", "1.0", 1, (), 0)
    fields = json.loads(encode(whole))
    assert decode(json.dumps(fields).encode()) == whole
    assert decode(json.dumps(fields | change).encode()) is None
