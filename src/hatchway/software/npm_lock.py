"""What a package-lock.json says that npm has resolved. Pure."""

from __future__ import annotations

import re

import msgspec

from hatchway.software import refusals
from hatchway.software.manifest import Package
from hatchway.software.refusals import Wanted

MODULES = "node_modules"

_OF_REGISTRY = ("https://", "http://")
# A dependency that is an address, a repository or a path. `npm:other@1` is a package of the registry by another name.
_ELSEWHERE = re.compile(r"^(?!npm:).*[:/]", re.DOTALL)


class _Entry(msgspec.Struct, rename="camel"):
    version: str = ""
    resolved: str = ""
    integrity: str = ""
    link: bool = False
    in_bundle: bool = False
    dependencies: dict[str, str] = {}
    optional_dependencies: dict[str, str] = {}
    peer_dependencies: dict[str, str] = {}


class _Lock(msgspec.Struct):
    packages: dict[str, _Entry]


def read_lock(wanted: Wanted, lock: bytes) -> dict[str, Package]:
    """The packages of a lock by their paths, such as `node_modules/a/node_modules/b`; npm checks the hashes of all.

    Raises:
        Unavailable: `software_unavailable`: one comes from elsewhere than a registry, or has no hash; or it is no lock.
    """
    try:
        entries = msgspec.json.decode(lock, type=_Lock).packages
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refusals.unavailable(wanted) from None
    packages = {}
    for path, entry in entries.items():
        depends = entry.dependencies | entry.optional_dependencies | entry.peer_dependencies
        for name, source in depends.items():
            if _ELSEWHERE.search(source) is not None:
                raise refusals.no_hash(wanted, name)
        if not path:
            continue  # the project itself
        name = path.rpartition(f"{MODULES}/")[2]
        checked = entry.integrity and not entry.link and entry.resolved.startswith(_OF_REGISTRY)
        # What is bundled came in the package that it is bundled in.
        if not checked and not entry.in_bundle:
            raise refusals.no_hash(wanted, name)
        packages[path] = Package(name, entry.version, entry.integrity)
    return packages
