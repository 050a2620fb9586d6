"""What a preview token stands for, and whether it still does. Pure: the time is a parameter."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from hatchway.errors import InvalidRequest
from hatchway.options import PreviewOptions

MIN_PORT = 1
MAX_PORT = 65535
MAX_LABEL_CHARACTERS = 200
_NOT_IN_LABELS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""General categories (Unicode Standard, section 4.5): control characters, lone surrogates, line and paragraph
separators."""

CorsMode = Literal["open", "app"]
"""Who answers for CORS (https://fetch.spec.whatwg.org/#http-cors-protocol).

`open`: the gateway answers preflights, and any origin may read what the service answers. `app`: preflights reach the
service, and its answers stay as they are.
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission to reach one port of one VM until it expires. Holds no token."""

    id: int
    vm_id: str
    port: int
    expires_at: float
    """Seconds since the epoch. At this instant the grant no longer holds."""
    forward_host: bool = False
    """The service is told its public host in X-Forwarded-Host, which in host mode holds the token."""
    app_cors: bool = False
    """The service answers preflights and says itself who may read its answers."""
    wake: bool = True
    """A visitor's request wakes the VM if it is paused or asleep."""

    @property
    def cors(self) -> CorsMode:
        """Who answers for CORS."""
        return "app" if self.app_cors else "open"

    def holds(self, now: float) -> bool:
        """Whether the grant still holds at `now` (seconds since the epoch)."""
        return now < self.expires_at


def validate_port(port: object) -> int:
    """A TCP port a service can listen on, or `InvalidRequest` `invalid_port` that names the limits."""
    if isinstance(port, bool) or not isinstance(port, int) or not MIN_PORT <= port <= MAX_PORT:
        raise InvalidRequest("invalid_port", f"port must be a whole number between {MIN_PORT} and {MAX_PORT}")
    return port


def validate_expiry(seconds: object, options: PreviewOptions) -> int:
    """The life of a new preview in seconds.

    Args:
        seconds: what was asked for; None means the configured default.
        options: the configured default and maximum.

    Raises:
        InvalidRequest: `invalid_expiry`, naming the limits.
    """
    if seconds is None:
        return options.default_expires_in_seconds
    maximum = options.max_expires_in_seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= maximum:
        raise InvalidRequest("invalid_expiry", f"expires_in_seconds must be between 1 and {maximum}")
    return seconds


def validate_cors(mode: object) -> CorsMode:
    """Who is to answer for CORS, or `InvalidRequest` `invalid_cors` that names what there is."""
    if mode == "open":
        return "open"
    if mode == "app":
        return "app"
    raise InvalidRequest("invalid_cors", 'cors must be "open" or "app"')


def validate_label(label: object) -> str:
    """What somebody wrote on a preview to know it again: one line of text.

    Raises:
        InvalidRequest: `invalid_label`, naming what was passed.
    """
    if not isinstance(label, str):
        raise InvalidRequest("invalid_label", "a label must be text")
    if len(label) > MAX_LABEL_CHARACTERS:
        raise InvalidRequest(
            "invalid_label", f"a label holds at most {MAX_LABEL_CHARACTERS} characters, not {len(label)}"
        )
    if any(unicodedata.category(character) in _NOT_IN_LABELS for character in label):
        raise InvalidRequest(
            "invalid_label", "a label must not have control characters, such as line ends, in it"
        )
    return label
