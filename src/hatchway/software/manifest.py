"""What a layer in the cache is: written beside it when it is made, read when it is looked for. Pure."""

from __future__ import annotations

import msgspec

FORMAT = 1
"""Layers of another format are not used, and made anew."""


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A package in a layer."""

    name: str
    version: str
    integrity: str
    """The hash that its registry gave, and that was checked: `sha512-…` (npm) or `sha256=…` (PyPI)."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A layer."""

    format: int
    name: str
    """Of the software."""
    source: str
    """What was asked for. A layer serves whoever asks for the same."""
    commands: tuple[str, ...]
    architecture: str
    """As in uname(2)."""
    version: str
    number: int
    """Layers of a name are counted; of several that serve, the last is used."""
    packages: tuple[Package, ...]
    size: int
    """Bytes of all its files."""


def encode(manifest: Manifest) -> bytes:
    """As JSON for people and programs."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode(data: bytes) -> Manifest | None:
    """The manifest; None for what is none, or is of another format."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return manifest if manifest.format == FORMAT else None
