"""What a declared service is: its program, its port, and when it counts as ready. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from hatchway.errors import InvalidRequest
from hatchway.preview.grant import validate_port

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PATH = re.compile(r"/[!-~]{0,2047}")

ServiceState = Literal["asleep", "starting", "ready", "waiting", "failed"]
"""`asleep`: its VM does not run, and starts it when it does. `starting`: it runs, and its port does not answer yet.
`ready`. `waiting`: it has ended, and is about to be started again. `failed`: it ended too often, and was given up until
it is declared again or its VM wakes."""


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A program that is kept running whenever its VM runs."""

    name: str
    """1 to 63 of letters, digits, `.`, `_` and `-`; unique in its VM."""
    command: str
    args: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict, repr=False)
    """Added to the VM's own environment. It is kept in the server's database, as it must be known at every start."""
    cwd: str | None = None
    """The working directory; None: /home/user."""
    port: int | None = None
    """The TCP port that it listens on; None: it is ready once it has run for a moment."""
    ready: str | None = None
    """A path on that port that answers with a status below 400 once it is ready; None: the port accepts connections."""

    @property
    def argv(self) -> list[str]:
        """The program and its arguments."""
        return [self.command, *self.args]


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """A declared service, and how it is."""

    spec: ServiceSpec
    state: ServiceState
    pid: int | None = None
    """Inside the VM; None: it does not run."""
    restarts: int = 0
    """How often it was started again since its VM woke."""
    exit_code: int | None = None
    """Of its last end; None: a signal ended it, or nothing did yet."""
    signal: int | None = None
    last_words: str = field(default="", repr=False)
    """The last lines it wrote to stderr before its last end; or why it could not be started."""


def check_service(spec: ServiceSpec) -> ServiceSpec:
    """The spec, if it makes sense.

    Raises:
        InvalidRequest: `invalid_service`, `invalid_port`.
    """
    check_service_name(spec.name)
    if spec.port is not None:
        validate_port(spec.port)
    if spec.ready is not None:
        if spec.port is None:
            raise InvalidRequest("invalid_service", "a service with a ready path needs a port", "pass port=…")
        if _PATH.fullmatch(spec.ready) is None:
            raise InvalidRequest(
                "invalid_service",
                "ready must be a path that begins with /, percent-encoded where it needs to be",
            )
    return spec


def check_service_name(name: str) -> str:
    """The name of a service, or `InvalidRequest` `invalid_service`."""
    if _NAME.fullmatch(name) is None:
        raise InvalidRequest(
            "invalid_service",
            "a service's name must be 1 to 63 letters, digits, dots, underscores and dashes, and begin with "
            "a letter or digit",
        )
    return name
