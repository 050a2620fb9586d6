"""Packages of the Python package index as layers: in a virtual environment of their own, for the Python of the VM.

Their commands run in that environment. A `.pth` file lets the VM's own Python import them, too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from hatchway.software import pip, refusals
from hatchway.software.host_commands import USR, find_command, require
from hatchway.software.installer import run
from hatchway.software.layers import PACKAGES, Made
from hatchway.software.refusals import Wanted
from hatchway.software.sources import COMMAND, PyPI
from hatchway.software.trees import UnfitTreeError

IN_VM = PurePosixPath("/usr")
"""Where a VM sees a layer."""

_ASK = "import json, site, sys; print(json.dumps({'version': sys.version_info[:3], 'sites': site.getsitepackages()}))"
_SITE = re.compile(r"/usr/(?:[\w.+-]+/)*(?:site|dist)-packages")


def vm_python(software: str, usr: Path = USR) -> Path:
    """The Python that VMs have.

    Raises:
        Unavailable: `software_missing`.
    """
    require(software, ["python3"], {"python3": "python3"}, usr)
    python = find_command("python3", usr)
    assert python is not None  # it is there: see `require`
    return python


async def install(
    software: str,
    source: PyPI,
    commands: Sequence[str],
    python: Path,
    usr: Path,
    work: Path,
    say: Callable[[str], None],
) -> Made:
    """Install a package for a VM.

    Args:
        software: the name of the software.
        source: the package.
        commands: of its commands, those that a VM shall find in its PATH.
        python: the VM's, by its path, which is the same here and there.
        usr: the layer to fill.
        work: an empty folder for what is needed meanwhile.
        say: told of the progress.

    Raises:
        Unavailable: `software_not_found`, `software_unavailable`.
        UnfitTreeError: what came cannot be a layer.
        OSError: a folder cannot be written.
    """
    wanted = Wanted(software, source.requirement, pip.REGISTRY)
    version, site = await _ask(wanted, python, work)
    home, home_in_vm = usr / PACKAGES / software, IN_VM / PACKAGES / software
    packages_folder = PurePosixPath("lib", "python{}.{}".format(*version), "site-packages")
    _make_environment(home, python, version, packages_folder)
    chosen, packages = await pip.install(
        wanted, source.requirement, (), work, say, python=home / "bin" / "python3"
    )
    if not (home / "bin" / "python3").is_symlink():
        raise UnfitTreeError("it puts a python3 of its own in the place of the VM's")
    for script in (home / "bin").iterdir():
        if not script.is_symlink():
            _move_to_vm(script, home, home_in_vm)
    await _compile(python, home, home_in_vm, work)
    _link_commands(wanted, home / "bin", commands, usr)
    if site is not None:
        folder = usr / PurePosixPath(site).relative_to(IN_VM)
        folder.mkdir(parents=True)
        (folder / f"hatchway-{software}.pth").write_text(f"{home_in_vm / packages_folder}\n")
    return Made(chosen.version, packages)


async def _ask(wanted: Wanted, python: Path, work: Path) -> tuple[tuple[int, int, int], str | None]:
    """The version of the VM's Python, and the folder in /usr that it imports packages from."""
    ran = await run([str(python), "-I", "-c", _ASK], work)
    try:
        said = json.loads(ran.stdout)
        major, minor, micro = (int(number) for number in said["version"])
        sites = [str(each) for each in said["sites"] if _SITE.fullmatch(str(each))]
    except (ValueError, TypeError, KeyError):
        raise refusals.unavailable(wanted) from None
    return (major, minor, micro), sites[0] if sites else None


def _make_environment(
    home: Path, python: Path, version: tuple[int, int, int], packages_folder: PurePosixPath
) -> None:
    """An empty virtual environment (PEP 405)."""
    (home / packages_folder).mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(python)
    numbers = ".".join(map(str, version))
    (home / "pyvenv.cfg").write_text(
        f"home = {python.parent}\ninclude-system-site-packages = false\nversion = {numbers}\n"
    )


def _move_to_vm(script: Path, home: Path, home_in_vm: PurePosixPath) -> None:
    """Let a script that pip wrote name its Python by its place in VMs."""
    content = script.read_bytes()
    if content.startswith(b"#!"):
        script.write_bytes(content.replace(os.fsencode(home), os.fsencode(home_in_vm)))


async def _compile(python: Path, home: Path, home_in_vm: PurePosixPath, work: Path) -> None:
    # Compiled here and not by pip: else each file would name its place on the host. What cannot be compiled is left.
    compiling = ("-m", "compileall", "-q", "-s", str(home), "-p", str(home_in_vm), str(home / "lib"))
    await run([str(python), "-I", *compiling], work)


def _link_commands(wanted: Wanted, bin_folder: Path, commands: Sequence[str], usr: Path) -> None:
    links = usr / "local/bin"
    links.mkdir(parents=True)
    for command in commands:
        program = bin_folder / command
        if not program.is_file() or command == "python3":
            found = [each.name for each in bin_folder.iterdir() if COMMAND.fullmatch(each.name)]
            raise refusals.no_command(wanted, command, [each for each in found if each != "python3"])
        (links / command).symlink_to(os.path.relpath(program, links))
