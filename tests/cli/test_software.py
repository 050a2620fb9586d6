"""`hatchway software`: what is there, and fetching what is not, from an index of the test's own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Run
from hatchway.software.built_in import BUILT_IN
from software.packages import PythonIndex, use_python_index, write_wheel

SERVER = """
from hatchway import agent_os, setup
from hatchway.software import Folder, HostCommands, PyPI, Software, python

tool = Software("tool", ("tool",), PyPI("tool>=1"), needs=(python,))
mine = Software("mine", ("mine",), Folder({folder!r}))
rare = Software("rare", ("no-such-command",), HostCommands({{"no-such-command": "rare-package"}}))
registry = setup(use={{"vm": agent_os(software=[tool]), "other": agent_os(software=[tool, mine, rare])}})
"""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PythonIndex]:
    """An index with `tool`, and a module with a registry in the current directory."""
    (tmp_path / "index").mkdir()
    index = use_python_index(tmp_path / "index", monkeypatch)
    index.add(write_wheel(tmp_path, "tool", "1.5", scripts={"tool": "tool:main"}))
    (tmp_path / "my_software.py").write_text(SERVER.format(folder=str(tmp_path / "mine")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield index
    sys.modules.pop("my_software", None)


def states(out: bytes) -> dict[str, tuple[str, str | None]]:
    return {entry["name"]: (entry["state"], entry["version"]) for entry in json.loads(out)}


async def test_what_comes_with_hatchway_is_listed(run: Run, index: PythonIndex, tmp_path: Path) -> None:
    ran = await run("software", "list", "--json")
    assert (ran.code, ran.err) == (0, "")
    listed = states(ran.out)
    assert list(listed) == [software.name for software in BUILT_IN] == ["common", "node", "python", "pi"]
    assert listed["common"] == ("host", None)
    assert listed["pi"] == ("not installed", None)
    (pi,) = (entry for entry in json.loads(ran.out) if entry["name"] == "pi")
    assert pi["source"].startswith("npm @earendil-works/pi-coding-agent@")
    assert (pi["commands"], pi["needs"], pi["hint"]) == (["pi"], ["node"], None)
    assert not (tmp_path / "cache").exists(), "to look fetches nothing"


async def test_the_software_of_a_registry_is_listed_too(run: Run, index: PythonIndex, tmp_path: Path) -> None:
    ran = await run("software", "list", "my_software:registry", "--json")
    listed = states(ran.out)
    assert list(listed) == ["python", "tool", "mine", "rare", "common", "node", "pi"]
    assert listed["tool"] == ("not installed", None)
    assert (listed["mine"], listed["rare"]) == (("missing", None), ("missing", None))
    ran = await run("software", "list", "my_software:registry")
    lines = [line.split("\t") for line in ran.out.decode().splitlines()]
    assert ran.code == 0
    assert lines[:4] == [
        ["python", "host", "", "host", "python3"],
        ["tool", "not installed", "", "PyPI tool>=1", "tool"],
        ["mine", "missing", "", f"folder {tmp_path / 'mine'}", "mine"],
        ["rare", "missing", "", "host", "no-such-command"],
    ]
    gone, lacks = "is not there, or cannot be read by the server", "needs commands that this machine lacks"
    assert ran.err.splitlines() == [
        f"the folder of the software 'mine' {gone}: `hatchway software list` says where it should be",
        f"the software 'rare' {lacks}: no-such-command: sudo apt-get install rare-package",
    ]


async def test_the_cache_is_that_of_the_server(
    run: Run, index: PythonIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ("software", "install", "tool", "my_software:registry")
    module = tmp_path / "my_software.py"
    module.write_text(
        module.read_text().replace("setup(", f"setup(cache_dir={str(tmp_path / 'of-code')!r}, ")
    )
    assert (await run(*ours)).code == 0
    monkeypatch.setenv("HATCHWAY_CACHE_DIR", str(tmp_path / "of-variable"))
    assert (await run(*ours)).code == 0
    assert (await run(*ours, "--cache-dir", str(tmp_path / "of-flag"))).code == 0
    for name in ("of-code", "of-variable", "of-flag"):
        assert len(os.listdir(tmp_path / name / "layers" / "tool")) == 2, name
    assert not (tmp_path / "cache").exists()


async def test_installing_says_what_it_does_and_once(run: Run, index: PythonIndex, tmp_path: Path) -> None:
    ran = await run("software", "install", "tool", "my_software:registry")
    assert (ran.code, ran.out) == (0, b"")
    assert [line.partition(" (")[0] for line in ran.err.splitlines()] == [
        "tool: asking for PyPI tool>=1 for " + os.path.basename(os.path.realpath("/usr/bin/python3")),
        "tool 1.5 is ready",
        "tool 1.5: installed",
    ]
    ran = await run("software", "install", "my_software:registry", "tool")
    assert (ran.code, ran.err) == (0, "tool 1.5: installed\n")
    listed = states((await run("software", "list", "my_software:registry", "--json")).out)
    assert listed["tool"] == ("installed", "1.5")
    ran = await run("software", "install", "common")
    assert (ran.code, ran.err) == (0, "common: of this machine, nothing to install\n")


async def test_an_upgrade(run: Run, index: PythonIndex, tmp_path: Path) -> None:
    await run("software", "install", "tool", "my_software:registry")
    index.add(write_wheel(tmp_path, "tool", "2.0", scripts={"tool": "tool:main"}))
    assert (await run("software", "install", "tool", "my_software:registry")).err == "tool 1.5: installed\n"
    ran = await run("software", "install", "--upgrade", "tool", "my_software:registry")
    assert ran.err.splitlines()[-1] == "tool 2.0: installed"
    assert (await run("software", "install", "tool", "my_software:registry")).err == "tool 2.0: installed\n"


async def test_a_registry_stands_for_all_of_its_software(run: Run, index: PythonIndex) -> None:
    ran = await run("software", "install", "my_software:registry")
    assert ran.code == 1, "one is missing"
    assert "tool 1.5: installed" in ran.err
    assert "error: the folder of the software 'mine' is not there" in ran.err


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["nothing"], "there is no software 'nothing'", "there are: common, node, python, pi"),
        (["tool"], "there is no software 'tool'", "there are: common, node, python, pi"),
        (["../x"], "there is no software '../x'", "there are: common, node, python, pi"),
        (["a:b", "c:d"], "more than one registry was given", "give one at a time"),
        (
            ["my_software:nothing"],
            "the module my_software has no 'nothing'",
            "hatchway serve my_software:registry",
        ),
    ],
)
async def test_what_cannot_be_installed(
    run: Run, index: PythonIndex, arguments: list[str], error: str, hint: str
) -> None:
    ran = await run("software", "install", *arguments)
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == f"error: {error}\n hint: {hint}\n"


async def test_a_package_that_is_not_there(run: Run, index: PythonIndex, tmp_path: Path) -> None:
    (tmp_path / "my_software.py").write_text(SERVER.format(folder="/x").replace("tool>=1", "tool>=9"))
    ran = await run("software", "install", "tool", "my_software:registry")
    assert (ran.code, ran.out) == (1, b"")
    assert "error: the Python package index has no tool>=9 for this machine" in ran.err
    assert " hint: check its name and version where the server's registry defines it\n" in ran.err


async def test_nothing_to_install(run: Run) -> None:
    assert (await run("software", "install")).code == 2
