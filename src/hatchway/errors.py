"""Every error that leaves Hatchway: what happened, whose fault it is, what to do next.

One root, `HatchwayError`, with a stable `code`. Subclasses exist only where a caller would act differently:

- `InvalidRequest` (400): the caller's input; fix it and try again.
- `AccessDenied` (401, 403): the credential, the origin or the preview token.
- `NotFound` (404): a VM, process, file or action that is not there.
- `Conflict` (409): it is there, but not in a state that allows this.
- `Unavailable` (502, 503, 504): the VM, or this machine, cannot do it now.
- `ConnectionFailed`: a client could not reach the server at all (no answer, so no status).

Nothing of sqlite3, httptools, OSError or httpx crosses a public surface: the module that meets it raises one of these.
"""

from __future__ import annotations

from collections.abc import Mapping

JsonValue = str | int | float | bool | None | list[str]
"""What `HatchwayError.details` may hold."""


class HatchwayError(Exception):
    """The root of all errors.

    Args:
        code: stable, for programs: lower-case words joined by underscores, such as `invalid_port`.
        message: what happened, for people. Never holds a token, a host path or a traceback.
        hint: what to do next. May be empty where the message says it all.
        status: the HTTP status, where it is not that of the class.
        retry_after: seconds after which trying again may help; None where it will not help by itself.
        details: more facts, for callers of the control API alone: they may be a guest's own words, such as the last
            lines of a process. Never shown to the visitor of a preview.
    """

    status = 500
    """The HTTP status that stands for this class of error."""

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        status: int | None = None,
        retry_after: int | None = None,
        details: Mapping[str, JsonValue] | None = None,
    ) -> None:
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint
        self.retry_after = retry_after
        self.details = details
        if status is not None:
            self.status = status

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InvalidRequest(HatchwayError):  # noqa: N818 - names say what happened, as in the HTTP specifications
    """The caller's input was refused; nothing was changed."""

    status = 400


class AccessDenied(HatchwayError):  # noqa: N818
    """The credential, the origin or the preview token does not allow this."""

    status = 403


class NotFound(HatchwayError):  # noqa: N818
    """What the request names does not exist."""

    status = 404


class Conflict(HatchwayError):  # noqa: N818
    """What the request names is not in a state that allows this."""

    status = 409


class Unavailable(HatchwayError):  # noqa: N818
    """The VM, a service in it, or this machine cannot do it now."""

    status = 503


class ConnectionFailed(HatchwayError):  # noqa: N818
    """No answer came: the server is not running, or the network between failed."""

    status = 0
