"""Preview tokens: 32 characters of `[a-z0-9]`, unbiased, about 165 bits.

Pure but for the system's randomness.

A token is a DNS label, so that it can be the first label of a host name. Only its SHA-256 is stored: with 165
random bits a slow password hash would add nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string

LENGTH = 32
ALPHABET = string.ascii_lowercase + string.digits
_TOKEN = re.compile(f"[a-z0-9]{{{LENGTH}}}")


def mint() -> str:
    """A new token. `secrets.choice` draws without modulo bias."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def is_token(text: str) -> bool:
    """Whether `text` has the form of a token; says nothing about whether it was ever minted."""
    return _TOKEN.fullmatch(text) is not None


def digest(token: str) -> bytes:
    """What is stored of a token: its SHA-256, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()
