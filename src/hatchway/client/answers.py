"""What calls return: plain frozen values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from hatchway.errors import HatchwayError, InvalidRequest
from hatchway.preview.grant import CorsMode
from hatchway.vm.states import VmState


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a finished command left."""

    exit_code: int
    """As a shell would say it: 128 plus the signal's number for a command that a signal ended."""
    stdout_bytes: bytes = field(repr=False)
    stderr_bytes: bytes = field(repr=False)
    signal: int | None = None
    """The number of the signal that ended it, else None."""
    timed_out: bool = False
    """Whether it was killed because its time was up."""

    @property
    def stdout(self) -> str:
        """Standard output as UTF-8; what is no UTF-8 is replaced by U+FFFD."""
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self) -> str:
        """Standard error as UTF-8; what is no UTF-8 is replaced by U+FFFD."""
        return self.stderr_bytes.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class VmInfo:
    """A VM as the server knows it."""

    id: str
    """What the server calls it: another one if it is destroyed and made anew under the same key."""
    kind: str
    """The kind of VM, as the server names it."""
    key: tuple[str, ...]
    """What it is found by, as its parts."""
    state: VmState
    """One that is `"paused"` or `"asleep"` wakes by itself with its next use."""
    created_at: datetime
    """Aware, in UTC."""
    pause_after: float | None = None
    """After how many seconds without use it is paused; None: never."""
    sleep_after: float | None = None
    """After how many seconds without use it is put to sleep; None: never."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A new preview. Its token is given out here and nowhere else; it is in `path` and `url` too."""

    id: str
    """What it is called where its token must not be: in lists, to revoke it, to renew it."""
    path: str = field(repr=False)
    """The path-mode address, relative to the server's URL."""
    token: str = field(repr=False)
    port: int
    expires_at: datetime
    """Aware, in UTC."""
    url: str = field(repr=False)
    """The address to hand to people: the preview has an origin of its own there."""
    forward_host: bool = False
    """Whether the service is told its public host, which in host mode holds the token."""
    cors: CorsMode = "open"
    """Who answers for CORS: the gateway (`"open"`) or the service itself (`"app"`)."""
    label: str = ""
    """What was written on it to know it again."""
    wake: bool = True
    """Whether visitors wake the VM when it is paused or asleep."""


@dataclass(frozen=True, slots=True)
class PreviewInfo:
    """A live preview. Its token is not told again: only its hash is stored."""

    id: str
    """As in `Preview`: to revoke it, to renew it."""
    port: int
    created_at: datetime
    """Aware, in UTC."""
    expires_at: datetime
    """Aware, in UTC."""
    forward_host: bool
    """Whether the service is told its public host, which in host mode holds the token."""
    cors: CorsMode
    """Who answers for CORS: the gateway (`"open"`) or the service itself (`"app"`)."""
    label: str
    """What was written on it to know it again."""
    wake: bool = True
    """Whether visitors wake the VM when it is paused or asleep."""


@dataclass(frozen=True, slots=True)
class FetchResponse:
    """A service's answer to `vm_fetch`, as it came: nothing is decoded, followed or left out."""

    status: int
    status_text: str
    """The reason phrase; empty if the service sent none."""
    headers: httpx.Headers = field(repr=False)
    """Case-insensitive; `headers.get_list("set-cookie")` gives repeated ones one by one, in order."""
    body: bytes = field(repr=False)
    """The body's bytes. Compressed only if the call asked for it, or the service did so unasked."""

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def text(self) -> str:
        """The body as text, in the charset of `Content-Type`, by default UTF-8; bad bytes become U+FFFD.

        Raises:
            InvalidRequest: `encoded_body` if the service compressed the body.
        """
        self._refuse_encoded()
        charset = self._charset()
        try:
            return self.body.decode(charset, errors="replace")
        except (LookupError, ValueError):  # an unknown charset, or a codec that is none for text
            return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON (RFC 8259, so UTF-8).

        Raises:
            InvalidRequest: `encoded_body` if the service compressed the body.
            HatchwayError: `not_json`.
        """
        self._refuse_encoded()
        try:
            return json.loads(self.body.decode("utf-8-sig"))
        except ValueError:
            raise HatchwayError(
                "not_json", f"the service's answer (status {self.status}) is not JSON", "look at .text"
            ) from None
        except RecursionError:
            raise HatchwayError("not_json", "the service's answer is JSON nested too deeply") from None

    def _charset(self) -> str:
        for part in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "charset":
                return value.strip().strip("\"'") or "utf-8"
        return "utf-8"

    def _refuse_encoded(self) -> None:
        coding = self.headers.get("content-encoding", "").strip().lower()
        if coding not in ("", "identity"):
            raise InvalidRequest(
                "encoded_body",
                "the service sent the body in a content coding such as gzip",
                "decompress .body, or send no Accept-Encoding",
            )
