"""What callers give, as the control API takes it. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_from_bytes

import msgspec

from hatchway.errors import InvalidRequest
from hatchway.preview.token import ID_LENGTH, is_preview_id
from hatchway.vm.cron_job import check_job_id
from hatchway.vm.key import Key, format_key
from hatchway.vm.service_spec import check_service_name

MAX_SIDE = 65_535
"""Of a terminal, in characters (tty_ioctl(4))."""


def path_query(path: object, name: str = "path") -> str:
    """`path=…`. A path is bytes, as it is to the kernel; what is wrong with it is the server's to say.

    Args:
        path: text or bytes.
        name: of the parameter.

    Raises:
        InvalidRequest: `invalid_path` if it is neither bytes nor text that can be bytes.
    """
    if isinstance(path, str):
        try:
            path = path.encode(errors="surrogateescape")
        except UnicodeEncodeError:
            raise InvalidRequest("invalid_path", "a path must be valid Unicode text, or bytes") from None
    elif not isinstance(path, bytes):
        raise InvalidRequest("invalid_path", f"a path must be text or bytes, not {type(path).__name__}")
    return f"{name}=" + quote_from_bytes(path, safe="/")


def flag_query(name: str, *, flag: bool) -> str:
    """`&name=true` if it is set."""
    return f"&{name}=true" if flag else ""


def listing_query(max_depth: object, exclude: str | bytes | Iterable[str | bytes]) -> str:
    """`&max_depth=…&exclude=…`; or `InvalidRequest` `invalid_max_depth` or `invalid_path`."""
    query = ""
    if max_depth is not None:
        if isinstance(max_depth, bool) or not isinstance(max_depth, int) or max_depth < 1:
            raise InvalidRequest(
                "invalid_max_depth", "max_depth must be a whole number of at least 1, or None"
            )
        query += f"&max_depth={max_depth}"
    # One text is an iterable of texts too, but never what was meant.
    patterns = [exclude] if isinstance(exclude, str | bytes) else exclude
    return query + "".join(f"&{path_query(pattern, 'exclude')}" for pattern in patterns)


def mode_query(mode: object) -> str:
    """`&mode=…` in octal, nothing for None; or `InvalidRequest` `invalid_mode`."""
    if mode is None:
        return ""
    if isinstance(mode, bool) or not isinstance(mode, int) or not 0 <= mode <= 0o7777:
        raise InvalidRequest("invalid_mode", "mode must be permission bits between 0 and 0o7777")
    return f"&mode={mode:o}"


def process_path(pid: object, action: str = "") -> str:
    """The path of one process, or of an action on it, within its VM's; or `InvalidRequest` `invalid_pid`."""
    if isinstance(pid, bool) or not isinstance(pid, int):
        raise InvalidRequest("invalid_pid", "pid must be a whole number, as spawn() gave it")
    return f"/processes/{pid}/{action}" if action else f"/processes/{pid}"


def output_query(offset: object, *, follow: bool) -> str:
    """`offset=…&follow=…`; or `InvalidRequest` `invalid_offset`."""
    if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
        raise InvalidRequest("invalid_offset", "offset must be a whole number of bytes, from 0")
    return f"offset={offset}&follow={str(follow).lower()}"


def signal_body(signal: object) -> dict[str, Any]:
    """The body of `POST …/signal`; or `InvalidRequest` `invalid_signal`. Which signals there are, the server says."""
    if isinstance(signal, bool) or not isinstance(signal, str | int):
        raise InvalidRequest("invalid_signal", "a signal must be a name such as SIGHUP, or a number")
    return {"signal": signal if isinstance(signal, str) else int(signal)}


def service_path(name: object) -> str:
    """`/services/{name}`; or `InvalidRequest` `invalid_service`."""
    if not isinstance(name, str):
        raise InvalidRequest("invalid_service", f"a service's name must be text, not {type(name).__name__}")
    return f"/services/{quote(check_service_name(name), safe='')}"


def service_body(
    command: str,
    args: Sequence[str],
    port: int | None,
    ready: str | None,
    env: Mapping[str, str] | None,
    cwd: str | None,
    timeout: float,
) -> dict[str, Any]:
    """The body that declares a service; or `InvalidRequest` `invalid_timeout`."""
    body: dict[str, Any] = {"command": command, "args": list(args), **_surroundings(env, cwd)}
    if port is not None:
        body["port"] = port
    if ready is not None:
        body["ready"] = ready
    if timeout != 0:
        body["wait"] = check_timeout(timeout)
    return body


def cron_path(job_id: object) -> str:
    """`/cron/{job_id}`; or `InvalidRequest` `invalid_cron_id`."""
    if not isinstance(job_id, str):
        raise InvalidRequest("invalid_cron_id", f"a cron job's id must be text, not {type(job_id).__name__}")
    return f"/cron/{check_job_id(job_id)}"


def cron_body(
    schedule: str,
    command: str | Sequence[str],
    job_id: str | None,
    overlap: str,
    time_zone: str,
    timeout: float | None,
    env: Mapping[str, str] | None,
    cwd: str | None,
) -> dict[str, Any]:
    """The body of `POST …/cron`: what was not given is left out; or `InvalidRequest` `invalid_timeout`."""
    body: dict[str, Any] = {
        "schedule": schedule,
        "command": command if isinstance(command, str) else list(command),
        "overlap": overlap,
        "time_zone": time_zone,
    }
    if job_id is not None:
        body["id"] = job_id
    if timeout is not None:
        body["timeout"] = check_timeout(timeout)
    return body | _surroundings(env, cwd)


def shell_body(
    command: str | None,
    args: Sequence[str],
    env: Mapping[str, str] | None,
    cwd: str | None,
    cols: object,
    rows: object,
) -> dict[str, Any]:
    """The body that opens a shell; or `InvalidRequest` `invalid_size`."""
    body: dict[str, Any] = {"args": [args] if isinstance(args, str) else list(args), **size_body(cols, rows)}
    if command is not None:
        body["command"] = command
    return body | _surroundings(env, cwd)


def size_body(cols: object, rows: object) -> dict[str, Any]:
    """The size of a terminal; or `InvalidRequest` `invalid_size`."""
    sides = {"cols": cols, "rows": rows}
    for name, side in sides.items():
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= MAX_SIDE:
            raise InvalidRequest("invalid_size", f"{name} must be a whole number between 1 and {MAX_SIDE}")
    return sides


def preview_path(preview_id: object, action: str) -> str:
    """The path of an action on one preview, within its VM's; or `InvalidRequest` `invalid_preview_id`."""
    if not isinstance(preview_id, str) or not is_preview_id(preview_id):
        raise InvalidRequest(
            "invalid_preview_id",
            f"a preview's id is {ID_LENGTH} hexadecimal digits",
            "list_previews() gives it, and create_signed_preview_url() as .id; a token is something else",
        )
    return f"/previews/{preview_id}/{action}"


def vm_query(kind: str, key: Key) -> str:
    """`name=…&key=…` of one VM."""
    return f"name={quote(kind, safe='')}&key={quote(format_key(key), safe='/')}"


def body_bytes(body: object) -> bytes | None:
    """A body that is there as a whole, or None for what may be one that is streamed.

    Raises:
        InvalidRequest: `invalid_body` for text that UTF-8 cannot say.
    """
    if isinstance(body, str):
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise InvalidRequest("invalid_body", "a body given as text must be valid Unicode text") from None
    return bytes(body) if isinstance(body, (bytes, bytearray, memoryview)) else None


def exec_body(
    command: str | Sequence[str],
    env: Mapping[str, str] | None,
    cwd: str | None,
    stdin: str | bytes | None,
    timeout: float | None,
    *,
    stdin_open: bool = False,
) -> dict[str, Any]:
    """The body of `POST …/exec`: what was not given is left out."""
    body: dict[str, Any] = {"command": command if isinstance(command, str) else list(command)}
    if timeout is not None:
        body["timeout"] = check_timeout(timeout)
    if stdin_open:
        body["stdin_open"] = True
    return body | _stdin(stdin) | _surroundings(env, cwd)


def spawn_body(
    command: str,
    args: Sequence[str],
    env: Mapping[str, str] | None,
    cwd: str | None,
    stdin: str | bytes | None = None,
) -> dict[str, Any]:
    """The body of `POST …/processes`: what was not given is left out."""
    # One text is a sequence of texts too, but never what was meant.
    body: dict[str, Any] = {"command": command, "args": [args] if isinstance(args, str) else list(args)}
    return body | _stdin(stdin) | _surroundings(env, cwd)


def _stdin(stdin: str | bytes | None) -> dict[str, Any]:
    if stdin is None:
        return {}
    if isinstance(stdin, str):
        return {"stdin": stdin}
    return {"stdin_base64": base64.b64encode(stdin).decode()}


def _surroundings(env: Mapping[str, str] | None, cwd: str | None) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if env:
        given["env"] = dict(env)
    if cwd is not None:
        given["cwd"] = cwd
    return given


def check_timeout(timeout: object) -> float | None:
    """A time-out in seconds, or None for none; else `InvalidRequest` `invalid_timeout`."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
        raise InvalidRequest(
            "invalid_timeout", "timeout must be a number of seconds above 0, or None for no limit"
        )
    return float(timeout)


def encode_json(body: Any) -> bytes:
    """`body` as JSON, or `InvalidRequest` `invalid_value` where it holds what JSON cannot say."""
    try:
        return msgspec.json.encode(body)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):  # a lone surrogate is a ValueError
        raise InvalidRequest(
            "invalid_value", "the call's parameters must be valid text, numbers, lists and mappings"
        ) from None
