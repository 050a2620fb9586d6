"""Packages of npm, installed by the real npm from a registry of the test's own."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.software import Npm
from hatchway.software.manifest import Package
from hatchway.software.npm import install, npm_of_host, npm_of_layer
from software.conftest import Said
from software.packages import TOKEN, NpmRegistry

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


async def made(package: str, usr: Path, work: Path, *commands: str, say: Said | None = None) -> list[Package]:
    npm = npm_of_host()
    assert npm is not None
    made = await install("mine", Npm(package), commands, npm, usr, work, say or Said())
    assert made.packages
    return [Package("", made.version, ""), *made.packages]


async def refused(package: str, usr: Path, work: Path, *commands: str) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await made(package, usr, work, *commands)
    for secret in (TOKEN, "127.0.0.1", str(usr.parents[1])):
        assert secret not in str(caught.value)
    return caught.value


def run(command: Path) -> str:
    return subprocess.run([command, "well"], capture_output=True, text=True, check=True).stdout


async def test_a_package_and_what_it_needs(npm_registry: NpmRegistry, usr: Path, work: Path) -> None:
    npm_registry.add("below", "2.1.0")
    npm_registry.add("optional", "1.0.0", os=["aix"])
    npm_registry.add("@scope/tool", "1.0.0")
    npm_registry.add(
        "@scope/tool",
        "1.2.0",
        dependencies={"below": "^2"},
        devDependencies={"not-there": "1"},
        optionalDependencies={"optional": "1"},
    )
    npm_registry.add("@scope/tool", "2.0.0")
    said = Said()
    version, *packages = await made("@scope/tool@^1.1", usr, work, "tool", say=said)
    assert version.version == "1.2.0"
    assert [(each.name, each.version) for each in packages] == [("@scope/tool", "1.2.0"), ("below", "2.1.0")]
    assert all(each.integrity.startswith("sha512-") for each in packages)
    assert said.lines == ["mine: fetching @scope/tool 1.2.0 and what it needs from the npm registry"]
    assert os.listdir(usr / "local" / "bin") == ["tool"]
    assert (usr / "local/bin/tool").readlink() == Path(
        "../lib/hatchway/mine/node_modules/@scope/tool/command.sh"
    )
    assert run(usr / "local" / "bin" / "tool") == "tool 1.2.0 well\n"
    assert (usr / "local/lib/hatchway/mine/node_modules/below/package.json").exists()


async def test_nothing_of_the_host_is_in_the_layer(npm_registry: NpmRegistry, usr: Path, work: Path) -> None:
    npm_registry.add("tool", "1.0.0", dependencies={"below": "1"})
    npm_registry.add("below")
    await made("tool", usr, work, "tool")
    for path in usr.rglob("*"):
        content = (
            os.readlink(path).encode() if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
        )
        for secret in (str(work), str(usr), npm_registry.url, TOKEN):
            assert secret.encode() not in content, path


async def test_no_code_of_a_package_runs(
    npm_registry: NpmRegistry, usr: Path, work: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    scripts = {each: f"echo {each} >>{ran}" for each in ("preinstall", "install", "postinstall", "prepare")}
    npm_registry.add("below", scripts=scripts)
    npm_registry.add("tool", scripts=scripts, dependencies={"below": "1"})
    await made("tool", usr, work, "tool")
    assert not ran.exists()


async def test_the_hosts_registry_and_credentials_are_used(
    npm_registry: NpmRegistry, usr: Path, work: Path, tmp_path: Path
) -> None:
    npm_registry.add("tool")
    await made("tool", usr, work, "tool")
    assert npm_registry.authorization == {f"Bearer {TOKEN}"}
    assert not (tmp_path / "somewhere-else").exists(), "the npmrc's other settings are not"


async def test_tags(npm_registry: NpmRegistry, usr: Path, work: Path) -> None:
    npm_registry.add("tool", "1.0.0")
    npm_registry.add("tool", "1.1.0")
    assert (await made("tool@latest", usr, work, "tool"))[0].version == "1.1.0"


async def test_a_registry_that_keeps_its_packages_elsewhere(
    npm_registry: NpmRegistry, usr: Path, work: Path
) -> None:
    npm_registry.add("tool", tarballs=npm_registry.url.replace("127.0.0.1", "localhost"))
    assert (await made("tool", usr, work, "tool"))[0].version == "1.0.0"


async def test_no_such_package_or_version(npm_registry: NpmRegistry, usr: Path, work: Path) -> None:
    npm_registry.add("tool", dependencies={"below": "^3"})
    npm_registry.add("below")
    for package, missing in (
        ("nothing", ""),
        ("tool@2", ""),
        ("tool@next", ""),
        ("tool@1", ": there is no below@^3"),
    ):
        error = await refused(package, usr, work)
        assert error.code == "software_not_found"
        assert error.message == (
            f"the npm registry has no {package} for this machine, which is the software 'mine'{missing}"
        )
        (work / "project" / "package.json").unlink()
        (work / "project").rmdir()


async def test_a_registry_in_trouble(
    npm_registry: NpmRegistry, usr: Path, work: Path, caplog: pytest.LogCaptureFixture
) -> None:
    npm_registry.broken = True
    with caplog.at_level(logging.WARNING, "hatchway"):
        error = await refused("tool", usr, work)
    assert error.code == "software_unavailable"
    assert error.message == "tool, the software 'mine', could not be fetched from the npm registry (E503)"
    (record,) = caplog.records
    assert record.getMessage().startswith("npm failed for the software mine: ")
    assert "503" in record.getMessage()
    assert TOKEN not in record.getMessage()
    assert str(work) not in record.getMessage()


async def test_no_registry(
    npm_registry: NpmRegistry, usr: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    error = await refused("tool", usr, work)
    assert error.code == "software_unavailable"
    assert error.message.endswith("(ECONNREFUSED)")


async def test_what_came_is_not_what_was_promised(npm_registry: NpmRegistry, usr: Path, work: Path) -> None:
    npm_registry.add("other")
    npm_registry.add("tool", tarball=npm_registry.answer("/other/-/other-1.0.0.tgz"))
    error = await refused("tool", usr, work, "tool")
    assert error.code == "software_unavailable"
    assert "does not have the hash that the npm registry gives" in error.message


async def test_what_has_no_hash_is_refused(
    npm_registry: NpmRegistry, usr: Path, work: Path, tmp_path: Path
) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "package.json").write_text(json.dumps({"name": "local", "version": "1.0.0"}))
    npm_registry.add("other")
    for number, wanted in enumerate(
        (
            f"file:{tmp_path}/local",
            f"{npm_registry.url}other/-/other-1.0.0.tgz",
            f"git+file://{tmp_path}/local",
        )
    ):
        npm_registry.add(f"tool{number}", dependencies={"below": wanted})
        (work / str(number)).mkdir()
        error = await refused(f"tool{number}", usr, work / str(number))
        assert error.code == "software_unavailable", wanted


async def test_a_command_that_the_package_lacks(npm_registry: NpmRegistry, usr: Path, work: Path) -> None:
    npm_registry.add("tool", bin={"one": "command.sh", "two": "command.sh"})
    error = await refused("tool", usr, work, "three")
    assert error.code == "software_not_found"
    assert error.message == "tool of the npm registry has no command 'three' for the software 'mine'"
    assert error.hint == "its commands are: one, two"


def test_the_npm_of_a_layer(tmp_path: Path) -> None:
    assert npm_of_layer(tmp_path) is None
    for name in ("local/bin/node", "local/lib/node_modules/npm/bin/npm-cli.js"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
    assert npm_of_layer(tmp_path) == [
        f"{tmp_path}/local/bin/node",
        f"{tmp_path}/local/lib/node_modules/npm/bin/npm-cli.js",
    ]
