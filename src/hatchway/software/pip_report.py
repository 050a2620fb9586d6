"""What pip reports that it has installed (pip's documentation, "Installation Report"). Pure."""

from __future__ import annotations

import msgspec

from hatchway.software import refusals
from hatchway.software.manifest import Package
from hatchway.software.refusals import Wanted


class _Archive(msgspec.Struct):
    hash: str = ""
    hashes: dict[str, str] = {}


class _Download(msgspec.Struct):
    archive_info: _Archive = msgspec.field(default_factory=_Archive)


class _Metadata(msgspec.Struct):
    name: str
    version: str


class _Installed(msgspec.Struct):
    metadata: _Metadata
    download_info: _Download
    requested: bool = False


class _Report(msgspec.Struct):
    install: list[_Installed]


def read_report(wanted: Wanted, report: bytes) -> tuple[Package, tuple[Package, ...]]:
    """The package that was asked for, and all that were installed, by their names.

    Raises:
        Unavailable: `software_unavailable`: one has no hash; or it is no report.
    """
    try:
        installed = msgspec.json.decode(report, type=_Report).install
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refusals.unavailable(wanted) from None
    chosen: Package | None = None
    packages = []
    for each in installed:
        archive = each.download_info.archive_info
        # Before pip 23.1 there was only `hash`.
        sha256 = archive.hashes.get("sha256")
        integrity = f"sha256={sha256}" if sha256 else archive.hash
        if not integrity:
            raise refusals.no_hash(wanted, each.metadata.name)
        packages.append(Package(each.metadata.name, each.metadata.version, integrity))
        if each.requested:
            chosen = packages[-1]
    if chosen is None:
        raise refusals.unavailable(wanted)
    return chosen, tuple(sorted(packages, key=lambda package: package.name.lower()))
