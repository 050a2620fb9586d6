"""pip, with the host's settings for its index: only wheels, so no package's code runs, and none without being checked
against the hash that the index gives."""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hatchway.errors import Unavailable
from hatchway.software import refusals
from hatchway.software.installer import run
from hatchway.software.last_words import last_words
from hatchway.software.manifest import Package
from hatchway.software.pip_report import read_report
from hatchway.software.refusals import Wanted

REGISTRY = "Python package index"

_DOWNLOADING = re.compile(r"\s*Downloading (?:\S*/)?([A-Za-z0-9][\w.+-]*)(?: \(([0-9.]+ [kMG]?B)\))?\s*")
_GENERAL = ("--no-input", "--disable-pip-version-check")
_INSTALL = (
    *("--only-binary=:all:", "--no-compile", "--no-user"),
    *("--progress-bar=off", "--root-user-action=ignore"),
)
_ENVIRONMENT = {
    # What pip says is told while it happens.
    "PYTHONUNBUFFERED": "1",
    # What a user's environment could say that would end up elsewhere, or nowhere.
    "PIP_REQUIRE_VIRTUALENV": "0",
    "PIP_NO_DEPS": "0",
    "PIP_DRY_RUN": "0",
    "PIP_TARGET": "",
    "PIP_PREFIX": "",
    "PIP_ROOT": "",
}

_log = logging.getLogger(__name__)


async def install(
    wanted: Wanted,
    requirement: str,
    options: Sequence[str],
    work: Path,
    say: Callable[[str], None],
    python: Path | None = None,
) -> tuple[Package, tuple[Package, ...]]:
    """Install a package and what it depends on.

    Args:
        wanted: what for.
        requirement: the package, as `PyPI.requirement`.
        options: where to, and further options.
        work: an empty folder for what is needed meanwhile.
        say: told of the progress.
        python: whose packages they shall be; None: this one's.

    Returns:
        The package itself, and all that were installed, by name.

    Raises:
        Unavailable: `software_not_found`, `software_unavailable`.
    """
    if importlib.util.find_spec("pip") is None:
        raise Unavailable(
            "software_unavailable",
            f"the Python that runs Hatchway has no pip, by which the software {wanted.software!r} comes",
            f"{Path(sys.executable).name} -m ensurepip",
        )
    report, log = work / "report.json", work / "pip.log"
    command = [sys.executable, "-m", "pip", *_GENERAL, f"--log={log}"]
    if python is not None:
        command.append(f"--python={python}")
    command += ["install", *_INSTALL, f"--report={report}", *options, "--", requirement]
    ran = await run(command, work, _ENVIRONMENT, lambda line: _tell(wanted, line, say))
    if ran.exit_code != 0:
        _log.warning("pip failed for the software %s: %s", wanted.software, last_words(ran.stderr))
        raise refusals.pip_refusal(wanted, log.read_text(errors="replace") if log.exists() else ran.stderr)
    return read_report(wanted, report.read_bytes())


def _tell(wanted: Wanted, line: str, say: Callable[[str], None]) -> None:
    found = _DOWNLOADING.fullmatch(line)
    if found is not None:
        size = f" ({found[2]})" if found[2] else ""
        say(f"{wanted.software}: fetching {found[1]}{size} from the {wanted.registry}")
