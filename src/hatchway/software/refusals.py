"""What it means when npm or pip fails: not there at all, or not to be had now. Pure.

Their own words never reach a user: they may hold paths and credentials. Only the names of packages are taken from them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hatchway.errors import Unavailable

_NOT_THERE = frozenset({"E404", "ETARGET", "ENOVERSIONS", "EBADPLATFORM", "ERESOLVE"})
# Versions before 10 write `npm ERR!`, later ones `npm error`.
_NPM_CODE = re.compile(r"^npm (?:ERR!|error) code ([A-Z][A-Z0-9_]{2,40})$", re.MULTILINE)
_NPM_PACKAGE = re.compile(
    r"No matching version found for ((?:@[\w.~-]+/)?[\w.~-]+@[\w.^~*<>=|+ -]{1,60}?)\.?$", re.MULTILINE
)
_PIP_PACKAGE = re.compile(r"No matching distribution found for ([\w.\[\]<>=!~,*+ -]{1,100})")
# That an index has no page of a package is no trouble; whatever else goes wrong with it is.
_PIP_TROUBLE = re.compile(r"Could not fetch URL \S+: (?!404 )")

_CHECK_NAME = "check its name and version where the server's registry defines it"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was to be installed."""

    software: str
    """The name of the software."""
    package: str
    """The package and its version, as it was asked for."""
    registry: str
    """`npm registry` or `Python package index`."""


def npm_refusal(wanted: Wanted, stderr: str) -> Unavailable:
    """The error for an npm that failed, by what it wrote to standard error."""
    line = _NPM_CODE.search(stderr)
    code = "" if line is None else line[1]
    if code in _NOT_THERE:
        found = _NPM_PACKAGE.search(stderr)
        return not_found(wanted, None if found is None else found[1])
    return wrong_hash(wanted) if code == "EINTEGRITY" else unavailable(wanted, code)


def pip_refusal(wanted: Wanted, log: str) -> Unavailable:
    """The error for a pip that failed, by the log that it kept."""
    if "DO NOT MATCH THE HASHES" in log:
        return wrong_hash(wanted)
    # Where no index answers, pip finds no distribution either.
    if _PIP_TROUBLE.search(log) is not None:
        return unavailable(wanted)
    found = _PIP_PACKAGE.search(log)
    if found is not None or "ResolutionImpossible" in log:
        return not_found(wanted, None if found is None else found[1].strip())
    return unavailable(wanted)


def not_found(wanted: Wanted, missing: str | None = None) -> Unavailable:
    """There is no such package or version, or none for this machine."""
    because = f": there is no {missing}" if missing and missing != wanted.package else ""
    return Unavailable(
        "software_not_found",
        f"the {wanted.registry} has no {wanted.package} for this machine, which is the software "
        f"{wanted.software!r}{because}",
        _CHECK_NAME,
    )


def no_command(wanted: Wanted, command: str, commands: list[str]) -> Unavailable:
    """The package is there, but not a command of it."""
    has = ", ".join(sorted(commands)[:20]) or "none"
    return Unavailable(
        "software_not_found",
        f"{wanted.package} of the {wanted.registry} has no command {command!r} for the software {wanted.software!r}",
        f"its commands are: {has}",
    )


def wrong_hash(wanted: Wanted) -> Unavailable:
    """What came is not what the registry says."""
    return Unavailable(
        "software_unavailable",
        f"what came for {wanted.package}, the software {wanted.software!r}, does not have the hash that the "
        f"{wanted.registry} gives",
        "somebody or something between has changed it: try again, and by another way if that does not help",
    )


def no_hash(wanted: Wanted, package: str) -> Unavailable:
    """A package that cannot be checked."""
    return Unavailable(
        "software_unavailable",
        f"the {wanted.registry} gives no hash for {package}, which the software {wanted.software!r} needs",
        "only packages whose hash can be checked are installed: choose another version",
    )


def unavailable(wanted: Wanted, code: str = "") -> Unavailable:
    """It could not be fetched, for whatever other reason."""
    return Unavailable(
        "software_unavailable",
        f"{wanted.package}, the software {wanted.software!r}, could not be fetched from the {wanted.registry}"
        + (f" ({code})" if code else ""),
        "check the network, its proxy, and the space on the disk; `hatchway software install` tries again",
    )
