"""What is known about tokens without asking the database: bounded, least recently used goes first. Pure.

Keys are digests. A grant is kept with its expiry, and whoever reads it checks that against the clock; a
digest known to stand for nothing is kept apart, so that a flood of made-up tokens cannot push out grants in
use.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from hatchway.preview.grant import Grant


class GrantCache:
    """Grants by digest, and digests without a grant.

    Args:
        grants: how many grants are kept.
        unknown: how many digests without a grant are kept.
    """

    def __init__(self, grants: int = 16_384, unknown: int = 8_192) -> None:
        self._max_grants = grants
        self._max_unknown = unknown
        self._grants: OrderedDict[bytes, Grant] = OrderedDict()
        self._unknown: OrderedDict[bytes, None] = OrderedDict()

    def get(self, digest: bytes) -> Grant | None:
        """The grant kept under `digest`, whether or not it still holds."""
        grant = self._grants.get(digest)
        if grant is not None:
            self._grants.move_to_end(digest)
        return grant

    def is_unknown(self, digest: bytes) -> bool:
        """Whether `digest` is known to stand for nothing."""
        return digest in self._unknown

    def put(self, digest: bytes, grant: Grant) -> None:
        """`digest` stands for `grant`."""
        self._unknown.pop(digest, None)
        self._grants[digest] = grant
        self._grants.move_to_end(digest)
        if len(self._grants) > self._max_grants:
            self._grants.popitem(last=False)

    def put_unknown(self, digests: Iterable[bytes]) -> None:
        """Each of `digests` stands for nothing (any more)."""
        for digest in digests:
            self._grants.pop(digest, None)
            self._unknown[digest] = None
            self._unknown.move_to_end(digest)
            if len(self._unknown) > self._max_unknown:
                self._unknown.popitem(last=False)

    def __len__(self) -> int:
        return len(self._grants) + len(self._unknown)
