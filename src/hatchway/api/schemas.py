"""The bodies of requests and answers. Unknown fields of requests are refused, so a typing error never goes unnoticed.

A field typed `Any` is checked by the module that knows its rule and names its limits; its schema says the same.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hatchway.api.paths import PATH_SCHEMA
from hatchway.errors import HatchwayError, JsonValue
from hatchway.vm.key import MAX_PART_BYTES, MAX_PARTS
from hatchway.vm.records import VmInfo
from hatchway.vm.states import VmState


def timestamp(seconds: float) -> datetime:
    """Seconds since the epoch as an aware time; printed as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


NO_NUL = r"^[^\x00]*$"
"""What a kernel takes as text (execve(2)): JSON has a character that it has not."""
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
"""RFC 4648 section 4."""

# What follows says in the document what other modules check, and name the limits of, when a request comes.
Text = Annotated[str, Meta(extra_json_schema={"pattern": NO_NUL})]
_FIRST_WORD = {"type": "string", "minLength": 1, "pattern": NO_NUL}
Program = Annotated[str, Meta(extra_json_schema=_FIRST_WORD)]
Words = Annotated[list[Text], Meta(extra_json_schema={"minItems": 1, "prefixItems": [_FIRST_WORD]})]
Environment = Annotated[
    dict[str, Text],
    Meta(
        description="Added to the VM's own environment.",
        extra_json_schema={"propertyNames": {"pattern": r"^[^=\x00]+$"}},
    ),
]
WorkingDirectory = Annotated[
    Annotated[str, Meta(extra_json_schema=PATH_SCHEMA)] | None,
    Meta(description="The working directory; by default /home/user."),
]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A request's body."""


class Answer(msgspec.Struct, frozen=True):
    """An answer's body."""


class Problem(Answer, frozen=True):
    """Every refusal."""

    code: Annotated[str, Meta(description="Stable, for programs.", pattern="^[a-z0-9_]+$")]
    message: Annotated[str, Meta(description="What happened, for people.")]
    hint: Annotated[str, Meta(description="What to do next; may be empty.")]
    retry_after: (
        Annotated[int, Meta(ge=0, description="Seconds after which trying again may help.")] | UnsetType
    ) = UNSET
    details: (
        Annotated[
            dict[str, JsonValue],
            Meta(description="More facts, by name; they may be a guest's own words."),
        ]
        | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, error: HatchwayError) -> Problem:
        """What is said of an error."""
        return cls(
            error.code,
            unicode_text(error.message),
            unicode_text(error.hint),
            UNSET if error.retry_after is None else error.retry_after,
            UNSET if error.details is None else {name: _value(each) for name, each in error.details.items()},
        )


def _value(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return unicode_text(value)
    return [unicode_text(each) for each in value] if isinstance(value, list) else value


def unicode_text(text: str) -> str:
    """Text that JSON can hold: without lone surrogates, which stand for the bytes of a name that is no UTF-8."""
    return text if text.isascii() else text.encode(errors="replace").decode()


class Health(Answer, frozen=True):
    """The server is up."""

    status: str
    version: str


class CreateVm(Body):
    """Which VM."""

    name: Annotated[str, Meta(description="The kind of VM, as the server names it.")]
    key: Annotated[
        Any,
        Meta(
            description="A string or a list of strings; each at most 128 bytes, the whole at most 1,024.",
            extra_json_schema={
                "anyOf": [
                    {"type": "string", "minLength": 1, "maxLength": MAX_PART_BYTES, "pattern": NO_NUL},
                    {
                        "type": "array",
                        "items": {"type": "string", "maxLength": MAX_PART_BYTES, "pattern": NO_NUL},
                        "minItems": 1,
                        "maxItems": MAX_PARTS,
                    },
                ],
            },
        ),
    ]


class Vm(Answer, frozen=True):
    """One VM."""

    id: str
    name: str
    key: list[str]
    state: VmState
    created_at: datetime
    pause_after: Annotated[
        float | None, Meta(description="After how many seconds without use it is paused; null: never.")
    ]
    sleep_after: Annotated[
        float | None, Meta(description="After how many seconds without use it is put to sleep; null: never.")
    ]

    @classmethod
    def of(cls, info: VmInfo) -> Vm:
        """The answer for a record."""
        return cls(
            info.id,
            info.name,
            list(info.key),
            info.state,
            timestamp(info.created_at),
            info.pause_after,
            info.sleep_after,
        )


class Vms(Answer, frozen=True):
    """VMs, oldest first."""

    vms: list[Vm]


class ErrorLine(Answer, frozen=True):
    """What kept an answer made of lines from its end: the last line."""

    error: Problem
