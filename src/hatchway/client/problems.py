"""An answer that is a refusal, as a `HatchwayError`. Pure.

The answer may come from anybody. What makes an error of it (code and message) must be there; what is said besides is
taken where it has its type and keeps its bounds, and left out where it does not.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from hatchway.errors import (
    AccessDenied,
    Conflict,
    HatchwayError,
    InvalidRequest,
    JsonValue,
    NotFound,
    Unavailable,
)

MAX_RETRY_AFTER_SECONDS = 86_400
"""A longer wait is no advice: whoever sleeps for it would seem to hang."""
MAX_DETAILS = 32
MAX_NAME_CHARACTERS = 64
MAX_TEXT_CHARACTERS = 16_384
MAX_LIST_ITEMS = 256

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON that was asked for: the last for lists in lists in lists…"""

_Seconds = Annotated[int, Meta(ge=0, le=MAX_RETRY_AFTER_SECONDS)]
_Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARACTERS)]
_Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Texts = Annotated[list[_Text], Meta(max_length=MAX_LIST_ITEMS)]
_VALUE: msgspec.json.Decoder[JsonValue] = msgspec.json.Decoder(
    _Text | _Integer | float | bool | None | _Texts
)
_NONE = Raw(b"null")


class Problem(msgspec.Struct, frozen=True):
    """The body of every refusal."""

    code: str
    message: str
    hint: str = ""
    retry_after: Raw = _NONE
    """See `read_retry_after`."""
    details: Raw = _NONE
    """See `read_details`."""

    def error(
        self,
        kind: type[HatchwayError] = HatchwayError,
        *,
        status: int | None = None,
        retry_after: int | None = None,
    ) -> HatchwayError:
        """The error that it stands for.

        Args:
            kind: the error's class.
            status: the HTTP status, where it is not that of the class.
            retry_after: in seconds; used where the body says nothing of it.
        """
        said = read_retry_after(self.retry_after)
        return kind(
            self.code,
            self.message,
            self.hint,
            status=status,
            retry_after=retry_after if said is None else said,
            details=read_details(self.details),
        )


def read_retry_after(raw: Raw) -> int | None:
    """Seconds, as JSON; None for anything but a whole number from 0 to `MAX_RETRY_AFTER_SECONDS`."""
    try:
        return msgspec.json.decode(raw, type=_Seconds)
    except UNREADABLE:
        return None


def read_details(raw: Raw) -> dict[str, JsonValue] | None:
    """The details of an error, as JSON: those that are what `HatchwayError.details` may hold, within the bounds above.

    Returns:
        None where there are none at all.
    """
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Raw])
    except UNREADABLE:
        return None
    details: dict[str, JsonValue] = {}
    for name, value in fields.items():
        if len(details) == MAX_DETAILS:
            break
        if len(name) <= MAX_NAME_CHARACTERS:
            try:
                details[name] = _VALUE.decode(value)
            except UNREADABLE:
                continue
    return details


def error_class(status: int) -> type[HatchwayError]:
    """The class whose meaning an HTTP status has."""
    if status in (401, 403):
        return AccessDenied
    if status == 404:
        return NotFound
    if status == 409:
        return Conflict
    if 400 <= status <= 499:
        return InvalidRequest
    # 500 is a fault of the server's; 502 to 504 and 507 say that something cannot be had now.
    return Unavailable if status > 500 else HatchwayError


def error_from_answer(
    status: int, body: bytes, code: str | None = None, retry_after: str | None = None
) -> HatchwayError:
    """The error that an answer of the server or gateway stands for.

    Args:
        status: the answer's HTTP status.
        body: its body: a `Problem`, or a page for people, or nothing (HEAD).
        code: its `Hatchway-Error` header, which says the code where the body does not.
        retry_after: its `Retry-After` header, likewise; dates (RFC 9110 section 10.2.3) are not read.
    """
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except UNREADABLE:
        if code is None:
            return unexpected_answer(status)
        problem = Problem(code, f"the server refused the request: {code.replace('_', ' ')}")
    # A number of seconds looks alike in a header and in JSON; nothing else that the header may hold is a number.
    seconds = None if retry_after is None else read_retry_after(Raw(retry_after.encode(errors="replace")))
    return problem.error(error_class(status), status=status, retry_after=seconds)


def unexpected_answer(status: int) -> HatchwayError:
    """The error for an answer that no Hatchway server gives."""
    return HatchwayError(
        "unexpected_answer",
        f"the answer (status {status}) is not one of a Hatchway server",
        "check the server's URL, and that client and server have the same version",
    )
