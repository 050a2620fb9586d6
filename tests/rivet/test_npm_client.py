"""How the client is installed, with npm programs of the tests' own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rivet.npm_client import VERSIONS, Installed, NpmUnavailableError, install


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The npm that is found first; its script is to be written, and runs in a folder that is to have `node_modules`."""
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    (program.parent / "node").symlink_to("/bin/true")
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


def test_what_is_installed_is_for_everybody_and_there_is_nothing_else(npm_client: Installed) -> None:
    assert npm_client.folder.stat().st_mode & 0o755 == 0o755
    assert not (npm_client.folder / "node_modules/rivetkit/dist/inspector.tar.gz").exists()
    client = npm_client.folder / "node_modules/rivetkit/package.json"
    assert f'"version": "{npm_client.version}"' in client.read_text()


def test_two_at_once_make_one_installation(npm: Path, tmp_path: Path) -> None:
    # Each waits for the other one to have come as far.
    (tmp_path / "here").mkdir()
    npm.write_text(f"""#!/bin/sh
mkdir node_modules && echo made > node_modules/made && touch {tmp_path}/here/$$
until [ "$(ls {tmp_path}/here | wc -l)" = 2 ]; do sleep 0.01; done
""")
    folder = tmp_path / "installed"
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(install, VERSIONS[:1] * 2, [folder] * 2)
    assert first == second
    assert list(folder.iterdir()) == [first]
    assert (first / "node_modules/made").read_text() == "made\n"


def test_it_is_installed_once(npm: Path, tmp_path: Path) -> None:
    npm.write_text("#!/bin/sh\nmkdir node_modules\n")
    made = install(VERSIONS[0], tmp_path / "installed")
    npm.write_text("#!/bin/sh\nexit 1\n")
    assert install(VERSIONS[0], tmp_path / "installed") == made


def test_that_of_an_earlier_lock_file_goes(npm: Path, tmp_path: Path) -> None:
    npm.write_text("#!/bin/sh\nmkdir node_modules\n")
    folder = tmp_path / "installed"
    for name in (f"rivetkit-{VERSIONS[0]}-earlier", f"rivetkit-{VERSIONS[1]}-other"):
        (folder / name).mkdir(parents=True)
    made = install(VERSIONS[0], folder)
    assert {path.name for path in folder.iterdir()} == {made.name, f"rivetkit-{VERSIONS[1]}-other"}


def test_other_packages_than_the_locked_ones_are_no_reason_to_skip(npm: Path, tmp_path: Path) -> None:
    npm.write_text("#!/bin/sh\necho npm error code EINTEGRITY >&2\nexit 1\n")
    with pytest.raises(AssertionError, match="EINTEGRITY"):
        install(VERSIONS[0], tmp_path / "installed")


def test_where_nothing_can_be_written_the_reason_is_said(npm: Path, tmp_path: Path) -> None:
    with pytest.raises(NpmUnavailableError, match=r"cannot be installed in .*: Not a directory"):
        install(VERSIONS[0], npm / "below a file")


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_registry_the_reason_is_said(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(NpmUnavailableError, match=r"ECONNREFUSED|there is no"):
        install(version, tmp_path / "installed")
    assert list((tmp_path / "installed").iterdir()) == []


def test_without_node_the_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("rivet.npm_client.layer", lambda: tmp_path / "none")
    with pytest.raises(NpmUnavailableError, match=r"no Node\.js in PATH"):
        install(VERSIONS[0], tmp_path)
