"""What a process is started with. Pure."""

from __future__ import annotations

import os

from hatchway.errors import InvalidRequest
from hatchway.vm.sandbox.guest_init import DEFAULT_PATH, HOME

ENVIRONMENT = {
    "HOME": HOME,
    "LANG": "C.UTF-8",
    "PATH": DEFAULT_PATH,
    "SHELL": "/bin/sh",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
    "USER": "root",
}
"""What every process starts with; nothing of the host's environment."""


def check_arguments(argv: list[str], env: dict[str, str], cwd: str | None) -> None:
    """Refuse what no system call could take.

    Raises:
        InvalidRequest: `invalid_command`, `invalid_environment` or `invalid_path`.
    """
    if not argv or not argv[0]:
        raise InvalidRequest("invalid_command", "the command must not be empty")
    if not all(_is_encodable(argument) for argument in argv):
        raise InvalidRequest(
            "invalid_command", "a command and its arguments must be valid Unicode text without NUL"
        )
    for name, value in env.items():
        if not name or "=" in name or not _is_encodable(name) or not _is_encodable(value):
            raise InvalidRequest(
                "invalid_environment",
                "a variable's name must not be empty or hold '=', and neither name nor value may hold NUL",
            )
    if cwd is not None and (not cwd.startswith("/") or not _is_encodable(cwd)):
        raise InvalidRequest("invalid_path", "cwd must be an absolute path in the VM")


def _is_encodable(text: str) -> bool:
    """Whether it can be an argument: no NUL, and no surrogate but those that stand for a byte (PEP 383)."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
