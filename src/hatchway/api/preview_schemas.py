"""The bodies of requests and answers about previews; see `schemas`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, get_args

from msgspec import Meta

from hatchway.api.schemas import Answer, Body, timestamp
from hatchway.preview.grant import MAX_LABEL_CHARACTERS, CorsMode
from hatchway.vm.records import MintedPreview, PreviewInfo

_Expiry = Annotated[
    Any,
    Meta(
        description="Its life from now on in seconds; by default and at most as the server is configured.",
        extra_json_schema={"type": ["integer", "null"], "minimum": 1},
    ),
]
_Id = Annotated[
    str,
    Meta(
        description="What it is called where its token must not be; may be shown.", pattern="^[0-9a-f]{20}$"
    ),
]
_ForwardHost = Annotated[bool, Meta(description="Whether the service is told its public host.")]
_Cors = Annotated[CorsMode, Meta(description="Who answers for CORS: the gateway, or the service (`app`).")]
_Label = Annotated[str, Meta(description="What somebody wrote on it to know it again; may be empty.")]

_Wake = Annotated[bool, Meta(description="Whether visitors wake the VM when it is paused or asleep.")]


class CreatePreview(Body):
    """A preview to make."""

    port: Annotated[Any, Meta(extra_json_schema={"type": "integer", "minimum": 1, "maximum": 65535})]
    expires_in_seconds: _Expiry = None
    forward_host: Annotated[
        bool,
        Meta(
            description="Tell the service its public host in X-Forwarded-Host."
            " In host mode that host holds the token, so the service learns it."
        ),
    ] = False
    cors: Annotated[
        Any,
        Meta(
            description="`open`: any origin may read, and the gateway answers preflights."
            " `app`: preflights and all answers pass between browser and service untouched.",
            extra_json_schema={"enum": list(get_args(CorsMode))},
        ),
    ] = "open"
    label: Annotated[
        Any,
        Meta(
            description="What to know it again by in lists: one line of text. Visitors never see it.",
            extra_json_schema={
                "type": "string",
                "maxLength": MAX_LABEL_CHARACTERS,
                "pattern": r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$",
            },
        ),
    ] = ""
    wake: Annotated[
        bool,
        Meta(
            description="Let visitors wake the VM when it is paused or asleep; if not, they are told `vm_asleep`."
            " Programs that only show what is behind a link never wake it."
        ),
    ] = True


class Preview(Answer, frozen=True):
    """A new preview. Its token is never given out again."""

    id: _Id
    token: str
    path: Annotated[str, Meta(description="The path-mode address, relative to the server.")]
    port: int
    expires_at: datetime
    url: Annotated[str, Meta(description="The host-mode address, which has an origin of its own.")]
    forward_host: _ForwardHost
    cors: _Cors
    label: _Label
    wake: _Wake

    @classmethod
    def of(cls, minted: MintedPreview) -> Preview:
        """The answer for a record."""
        return cls(
            minted.id,
            minted.token,
            minted.path,
            minted.port,
            timestamp(minted.expires_at),
            minted.url,
            minted.forward_host,
            minted.cors,
            minted.label,
            minted.wake,
        )


class ListedPreview(Answer, frozen=True):
    """A live preview, without its token: only the token's hash is stored."""

    id: _Id
    port: int
    created_at: datetime
    expires_at: datetime
    forward_host: _ForwardHost
    cors: _Cors
    label: _Label
    wake: _Wake

    @classmethod
    def of(cls, info: PreviewInfo) -> ListedPreview:
        """The answer for a record."""
        return cls(
            info.id,
            info.port,
            timestamp(info.created_at),
            timestamp(info.expires_at),
            info.forward_host,
            info.cors,
            info.label,
            info.wake,
        )


class Previews(Answer, frozen=True):
    """The live previews of a VM, oldest first."""

    previews: list[ListedPreview]


class RenewPreview(Body):
    """Another end for a preview."""

    expires_in_seconds: _Expiry = None


class ExpirePreview(Body):
    """A preview to revoke."""

    token: str


class Expired(Answer, frozen=True):
    """Whether there was such a preview."""

    expired: bool


class AllExpired(Answer, frozen=True):
    """How many previews were revoked."""

    expired: Annotated[int, Meta(ge=0)]
