from __future__ import annotations

import os
from pathlib import Path

from hatchway.vm.sandbox.skeleton import ETC, FOLDERS, build_skeleton


def test_it_holds_what_a_root_needs(tmp_path: Path) -> None:
    skeleton = build_skeleton(tmp_path)
    for name, mode in FOLDERS.items():
        assert (skeleton / name).stat().st_mode & 0o7777 == mode
    for name, text in ETC.items():
        assert (skeleton / "etc" / name).read_text() == text
    assert os.readlink(skeleton / "bin") == "usr/bin"
    assert (skeleton / "etc/ssl/certs/ca-certificates.crt").read_bytes().count(b"BEGIN CERTIFICATE") > 10


def test_nothing_in_it_is_the_hosts_own(tmp_path: Path) -> None:
    skeleton = build_skeleton(tmp_path)
    etc = {path.name for path in (skeleton / "etc").iterdir()}
    assert etc <= {*ETC, "alternatives", "ld.so.cache", "mtab", "ssl"}
    for link in (skeleton / "etc" / "alternatives").iterdir():
        assert os.readlink(link).startswith("/usr/")


def test_it_is_made_once(tmp_path: Path) -> None:
    first = build_skeleton(tmp_path)
    (first / "mark").write_text("")
    assert build_skeleton(tmp_path) == first
    assert (first / "mark").exists()
    assert list(tmp_path.iterdir()) == [first]
