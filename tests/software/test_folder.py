from __future__ import annotations

from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.software import Folder
from hatchway.software.folder import use


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "opt" / "tool-1"
    (path / "bin").mkdir(parents=True)
    (path / "bin" / "tool").write_text("#!/bin/sh\n")
    for each in (path, *path.rglob("*")):
        each.chmod(0o755)
    return path


async def refused(folder: Path, command: str = "tool", usr: Path = Path("/usr")) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await use("mine", Folder(folder), (command,), usr)
    assert caught.value.code == "software_missing"
    assert str(folder.parent) not in str(caught.value)
    return caught.value


async def test_a_folder_is_used_as_it_is(folder: Path, bare_usr: Path) -> None:
    assert await use("mine", Folder(folder), ("tool",), bare_usr) == folder
    assert await use("mine", Folder(folder), (), bare_usr) == folder


async def test_a_link_to_a_folder_is_what_it_leads_to_now(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(folder)
    assert await use("mine", Folder(tmp_path / "current"), ("tool",)) == folder


async def test_no_such_folder(folder: Path) -> None:
    for path in (folder / "nothing", folder / "bin" / "tool"):
        error = await refused(path)
        assert (
            error.message == "the folder of the software 'mine' is not there, or cannot be read by the server"
        )
        assert error.hint == "`hatchway software list` says where it should be"


async def test_a_folder_that_no_vm_could_use(folder: Path) -> None:
    (folder / "bin" / "link").symlink_to("/etc/passwd")
    error = await refused(folder)
    assert error.message == (
        "the folder of the software 'mine' cannot be used: the link 'bin/link' leads out of it"
    )


@pytest.mark.parametrize("path", [".", "lib/tool", ".."])
async def test_a_folder_in_usr_or_above_it(bare_usr: Path, path: str) -> None:
    (bare_usr / path).mkdir(parents=True, exist_ok=True)
    error = await refused(bare_usr / path, usr=bare_usr)
    assert "it is in /usr, which every VM sees as it is, or above it" in error.message


async def test_a_folder_without_the_command(folder: Path) -> None:
    assert "it has no program 'other' in bin or local/bin" in (await refused(folder, "other")).message


async def test_a_command_that_another_of_the_host_comes_before(folder: Path, bare_usr: Path) -> None:
    (bare_usr / "local" / "bin").mkdir(parents=True)
    (bare_usr / "local" / "bin" / "tool").write_text("")
    error = await refused(folder, usr=bare_usr)
    assert "another 'tool' in /usr/local/bin, which comes before" in error.message
    (folder / "local" / "bin").mkdir(parents=True)
    (folder / "local" / "bin" / "tool").symlink_to("../../bin/tool")
    for each in (folder / "local", folder / "local" / "bin"):
        each.chmod(0o755)
    assert await use("mine", Folder(folder), ("tool",), bare_usr) == folder
