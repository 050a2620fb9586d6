"""Preview tokens: 32 characters of `[a-z0-9]`, unbiased, about 165 bits.

Pure but for the system's randomness.

A token is a DNS label, so that it can be the first label of a host name. Only its SHA-256 is stored: with 165
random bits a slow password hash would add nothing.

What a preview is called in lists is the beginning of that digest. It may be shown to anybody: to get from it to the
token one would have to try 2^164 of them. It says nothing of other previews, how many there are included, and it needs
no room and no index of its own.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string

LENGTH = 32
ALPHABET = string.ascii_lowercase + string.digits
_TOKEN = re.compile(f"[a-z0-9]{{{LENGTH}}}")

ID_LENGTH = 20
"""Of a preview's id, in hexadecimal digits: 80 bits, so that among a million previews two share one with a chance of
2^-41."""
_ID = re.compile(f"[0-9a-f]{{{ID_LENGTH}}}")
_DIGEST_BYTES = 32


def mint() -> str:
    """A new token. `secrets.choice` draws without modulo bias."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def is_token(text: str) -> bool:
    """Whether `text` has the form of a token; says nothing about whether it was ever minted."""
    return _TOKEN.fullmatch(text) is not None


def digest(token: str) -> bytes:
    """What is stored of a token: its SHA-256, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


def preview_id(digest: bytes) -> str:
    """What a preview is called where its token must not be: the beginning of the token's digest, in hexadecimal."""
    return digest.hex()[:ID_LENGTH]


def is_preview_id(text: str) -> bool:
    """Whether `text` has the form of a preview's id."""
    return _ID.fullmatch(text) is not None


def digest_range(preview_id: str) -> tuple[bytes, bytes]:
    """The least and the greatest digest that a preview with this id can have."""
    prefix = bytes.fromhex(preview_id)
    rest = _DIGEST_BYTES - len(prefix)
    return prefix + bytes(rest), prefix + b"\xff" * rest
