from __future__ import annotations

import os
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.software import HostCommands, common, python
from hatchway.software.host_commands import find_command, require
from hatchway.software.provider import SoftwareProvider


def executable(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_a_command_is_found_in_bin(tmp_path: Path) -> None:
    path = executable(tmp_path / "bin" / "tool")
    assert find_command("tool", tmp_path) == path


def test_local_bin_comes_first(tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "tool")
    path = executable(tmp_path / "local" / "bin" / "tool")
    assert find_command("tool", tmp_path) == path


def test_links_within_usr_are_followed(tmp_path: Path) -> None:
    path = executable(tmp_path / "lib" / "tool-1" / "tool")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").symlink_to("../lib/tool-1/tool")
    assert find_command("tool", tmp_path) == path


def test_a_link_out_of_usr_does_not_count(tmp_path: Path) -> None:
    home = executable(tmp_path / "home" / "me" / "tool")
    usr = tmp_path / "usr"
    (usr / "bin").mkdir(parents=True)
    (usr / "bin" / "tool").symlink_to(home)
    assert find_command("tool", usr) is None


def test_a_folder_whose_name_only_begins_like_usr_is_outside_of_it(tmp_path: Path) -> None:
    elsewhere = executable(tmp_path / "usr-elsewhere" / "tool")
    usr = tmp_path / "usr"
    (usr / "bin").mkdir(parents=True)
    (usr / "bin" / "tool").symlink_to(elsewhere)
    assert find_command("tool", usr) is None


@pytest.mark.parametrize("mode", [0o644, 0o750, 0o700])
def test_what_others_may_not_execute_does_not_count(tmp_path: Path, mode: int) -> None:
    executable(tmp_path / "bin" / "tool", mode)
    assert find_command("tool", tmp_path) is None


def test_a_folder_is_no_command(tmp_path: Path) -> None:
    (tmp_path / "bin" / "tool").mkdir(parents=True)
    assert find_command("tool", tmp_path) is None


def test_missing_commands_are_named_with_the_packages_that_have_them(tmp_path: Path) -> None:
    for name in common.commands:
        if name not in ("awk", "find", "xargs"):
            executable(tmp_path / "bin" / name)
    assert isinstance(common.source, HostCommands)
    with pytest.raises(Unavailable) as caught:
        require("common", common.commands, common.source.packages, tmp_path)
    assert caught.value.code == "software_missing"
    assert "awk, find, xargs" in caught.value.message
    assert caught.value.hint == "sudo apt-get install findutils gawk"


def test_a_command_whose_package_nobody_has_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        require("mine", ("tool",), {}, tmp_path)
    assert caught.value.message == "the software 'mine' needs commands that this machine lacks: tool"
    assert caught.value.hint == "install them so that they are in /usr"


async def test_this_machine_has_what_the_tests_themselves_stand_on(tmp_path: Path) -> None:
    # A Debian machine has common; both give no layer, since /usr has the commands.
    assert await SoftwareProvider(tmp_path).layers([common, python]) == []
    assert os.listdir(tmp_path) == []
