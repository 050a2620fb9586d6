"""Large bodies: what the zoo's /bytes sends, and what is sent to its /hash."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator

BLOCK = 65536
LARGE = 50 * 1024 * 1024 + 17


def blocks(total: int) -> Iterator[bytes]:
    """`total` bytes, in blocks that differ."""
    filler = b"x" * (BLOCK - 8)
    for number in range(-(-total // BLOCK)):
        yield (number.to_bytes(8, "big") + filler)[: total - number * BLOCK]


def sha256_of_blocks(total: int) -> str:
    digest = hashlib.sha256()
    for block in blocks(total):
        digest.update(block)
    return digest.hexdigest()


async def stream_of_blocks(total: int) -> AsyncIterator[bytes]:
    for block in blocks(total):
        yield block
