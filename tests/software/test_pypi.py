"""Packages of PyPI, installed by the real pip from an index of the test's own."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.software import PyPI
from hatchway.software.layers import Made
from hatchway.software.pypi import install, vm_python
from hatchway.software.trees import UnfitTreeError
from software.conftest import Said
from software.packages import PythonIndex, write_wheel

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def usr(tmp_path: Path) -> Path:
    path = tmp_path / "layer" / "usr"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


async def make(requirement: str, usr: Path, work: Path, *commands: str, say: Said | None = None) -> Made:
    return await install("mine", PyPI(requirement), commands, vm_python("mine"), usr, work, say or Said())


async def refused(requirement: str, usr: Path, work: Path, *commands: str) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await make(requirement, usr, work, *commands)
    assert str(usr.parents[1]) not in str(caught.value)
    return caught.value


async def test_a_package_and_what_it_needs(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    python_index.add(write_wheel(tmp_path, "below", "2.0"))
    python_index.add(write_wheel(tmp_path, "my-tool", "0.9"))
    python_index.add(
        write_wheel(tmp_path, "my-tool", "1.5", scripts={"tool": "my_tool:main"}, requires=("below>=1",))
    )
    python_index.add(write_wheel(tmp_path, "my-tool", "3.0"))
    said = Said()
    made = await make("my-tool<2", usr, work, "tool", say=said)
    assert made.version == "1.5"
    assert [(each.name, each.version) for each in made.packages] == [("below", "2.0"), ("my-tool", "1.5")]
    assert all(each.integrity.startswith("sha256=") for each in made.packages)
    assert os.listdir(usr / "local" / "bin") == ["tool"]
    assert (usr / "local/bin/tool").readlink() == Path("../lib/hatchway/mine/bin/tool")
    home = usr / "local/lib/hatchway/mine"
    assert (home / "bin/tool").read_text().startswith("#!/usr/local/lib/hatchway/mine/bin/python3\n")
    assert (home / "bin/python3").readlink() == vm_python("mine")
    assert [path.name for path in usr.rglob("*.pth")] == ["hatchway-mine.pth"]
    assert list(usr.rglob("__pycache__/my_tool.*.pyc"))


async def test_nothing_of_the_host_is_in_the_layer(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    python_index.add(write_wheel(tmp_path, "tool", scripts={"tool": "tool:main"}))
    await make("tool", usr, work, "tool")
    for path in usr.rglob("*"):
        content = (
            os.readlink(path).encode() if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
        )
        assert str(tmp_path).encode() not in content, path


async def test_a_path_too_long_for_a_first_line(
    python_index: PythonIndex, work: Path, tmp_path: Path
) -> None:
    # pip then lets a shell start Python, with the path in it.
    usr = tmp_path / ("a long name with spaces" * 5) / "usr"
    usr.mkdir(parents=True)
    python_index.add(write_wheel(tmp_path, "tool", scripts={"tool": "tool:main"}))
    await make("tool", usr, work, "tool")
    script = (usr / "local/lib/hatchway/mine/bin/tool").read_text()
    assert "/usr/local/lib/hatchway/mine/bin/python3" in script
    assert str(tmp_path) not in script


async def test_no_code_of_a_package_runs(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    source = tmp_path / "tool-1.0"
    source.mkdir()
    (source / "backend.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n")
    archive = shutil.make_archive(str(source), "gztar", tmp_path, source.name)
    python_index.add(Path(archive))
    assert (await refused("tool", usr, work)).code == "software_not_found"
    assert not (tmp_path / "ran").exists()


async def test_what_the_environment_says_about_elsewhere(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TARGET", "PREFIX", "ROOT"):
        monkeypatch.setenv(f"PIP_{name}", str(tmp_path / "elsewhere"))
    for name in ("USER", "DRY_RUN", "NO_DEPS", "REQUIRE_VIRTUALENV"):
        monkeypatch.setenv(f"PIP_{name}", "1")
    python_index.add(write_wheel(tmp_path, "below"))
    python_index.add(write_wheel(tmp_path, "tool", scripts={"tool": "tool:main"}, requires=("below",)))
    assert len((await make("tool", usr, work, "tool")).packages) == 2
    assert not (tmp_path / "elsewhere").exists()


async def test_no_such_package_or_version(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    python_index.add(write_wheel(tmp_path, "tool", requires=("below>=3",)))
    python_index.add(write_wheel(tmp_path, "below"))
    for number, (requirement, missing) in enumerate(
        (("nothing", ""), ("tool==2", ""), ("tool", ": there is no below>=3"))
    ):
        (work / str(number)).mkdir()
        error = await refused(requirement, usr / str(number), work / str(number))
        assert error.code == "software_not_found"
        assert error.message == (
            f"the Python package index has no {requirement} for this machine, which is the software 'mine'{missing}"
        )


async def test_no_index(
    python_index: PythonIndex,
    usr: Path,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://me:password-of-mine@127.0.0.1:9/index")
    with caplog.at_level(logging.WARNING, "hatchway"):
        error = await refused("tool", usr, work)
    assert error.code == "software_unavailable"
    assert error.message == "tool, the software 'mine', could not be fetched from the Python package index"
    assert "password-of-mine" not in caplog.text + str(error)
    assert "pip failed for the software mine: " in caplog.text


async def test_what_came_is_not_what_was_promised(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    python_index.add(write_wheel(tmp_path, "tool"), sha256="0" * 64)
    error = await refused("tool", usr, work)
    assert error.code == "software_unavailable"
    assert "does not have the hash that the Python package index gives" in error.message


async def test_a_command_that_the_package_lacks(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    python_index.add(write_wheel(tmp_path, "tool", scripts={"one": "tool:main", "two": "tool:main"}))
    error = await refused("tool", usr, work, "python3")
    assert error.code == "software_not_found"
    assert error.hint == "its commands are: one, two"


async def test_a_package_that_would_be_the_vms_python(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    # On a copy: were the link to it followed, the host's own Python would be written over.
    python = tmp_path / vm_python("mine").name
    shutil.copy(vm_python("mine"), python)
    before = python.read_bytes()
    python_index.add(write_wheel(tmp_path, "tool", scripts={"python3": "tool:main", "tool": "tool:main"}))
    with pytest.raises(UnfitTreeError, match="a python3 of its own"):
        await install("mine", PyPI("tool"), ("tool",), python, usr, work, Said())
    assert python.read_bytes() == before


async def test_a_host_without_python(bare_usr: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        vm_python("mine", bare_usr)
    assert caught.value.code == "software_missing"
    assert caught.value.hint == "sudo apt-get install python3"


async def test_scripts_that_are_no_python(
    python_index: PythonIndex, usr: Path, work: Path, tmp_path: Path
) -> None:
    files = {"tool-1.0.data/scripts/tool": '#!/bin/sh\necho shell "$@"\n', "tool.py": ""}
    python_index.add(write_wheel(tmp_path, "tool", files=files))
    await make("tool", usr, work, "tool")
    ran = subprocess.run([usr / "local/bin/tool", "well"], capture_output=True, text=True, check=True)
    assert ran.stdout == "shell well\n"
