"""The bodies about declared services."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hatchway.api.schemas import Answer, Body, Environment, Program, Text, WorkingDirectory
from hatchway.vm.service_spec import ServiceInfo, ServiceSpec, ServiceState

MAX_WAIT_SECONDS = 600.0


class DeclareService(Body):
    """A service to declare."""

    command: Program
    args: list[Text] = msgspec.field(default_factory=list)
    env: Environment = msgspec.field(default_factory=dict)
    cwd: WorkingDirectory = None
    port: Annotated[
        Any,
        Meta(
            description="The TCP port that it listens on; without one it is ready once it has run for a moment.",
            extra_json_schema={"type": ["integer", "null"], "minimum": 1, "maximum": 65535},
        ),
    ] = None
    ready: Annotated[
        str | None,
        Meta(
            description="A path on that port that answers with a status below 400 once the service is ready;"
            " by default it is ready once the port accepts connections.",
            extra_json_schema={"pattern": "^/[!-~]{0,2047}$"},
        ),
    ] = None
    wait: Annotated[
        float,
        Meta(
            ge=0,
            le=MAX_WAIT_SECONDS,
            description="Seconds to wait until it is ready or has failed; by default none.",
        ),
    ] = 0.0


class Service(Answer, frozen=True):
    """A declared service, and how it is. Its environment is not told: it may hold secrets."""

    name: str
    command: list[str]
    cwd: str | None
    port: int | None
    ready: str | None
    state: Annotated[
        ServiceState,
        Meta(
            description="`asleep`: its VM does not run. `starting`: it runs and is not ready yet. `ready`."
            " `waiting`: it ended, and is about to be started again. `failed`: it ended too often and was given up."
        ),
    ]
    pid: int | None
    restarts: int
    exit_code: Annotated[int | None, Meta(description="Of its last end.")]
    signal: Annotated[int | None, Meta(description="The number of the signal that ended it last.")]
    last_words: Annotated[str, Meta(description="The last lines it wrote to stderr before its last end.")]

    @classmethod
    def of(cls, info: ServiceInfo) -> Service:
        """The answer for a record."""
        spec: ServiceSpec = info.spec
        return cls(
            spec.name,
            spec.argv,
            spec.cwd,
            spec.port,
            spec.ready,
            info.state,
            info.pid,
            info.restarts,
            info.exit_code,
            info.signal,
            info.last_words,
        )


class Services(Answer, frozen=True):
    """The declared services of a VM, by name."""

    services: list[Service]


class Removed(Answer, frozen=True):
    """Whether there was such a service."""

    removed: bool
