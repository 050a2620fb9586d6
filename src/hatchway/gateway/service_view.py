"""How one request's addresses look from outside and from inside. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ServiceView:
    """What rewriting needs to know of a request to a service."""

    port: int
    """The service's port."""
    authority: bytes | None
    """The gateway's host and port as this client knows them: its Host field."""
    scheme: bytes
    """The gateway's public scheme, `http` or `https`."""
    prefix: bytes
    """What stands before the service's own targets in path mode, b"" otherwise."""
    preview_domain: str
    token: str | None = field(repr=False)
    """The preview's token, to keep it from the service; None for `vm_fetch`."""
    preview: bool
    """A preview's answers get a referrer policy and mapped addresses."""
    sandbox: bool
    """The service's pages must not share the gateway's own origin."""
    forward_host: bool = False
    """The service is told `authority` in X-Forwarded-Host."""
    cors: bool = True
    """A preview's answers may be read by any origin, unless the service says otherwise."""

    @property
    def local_origin(self) -> bytes:
        """The service's origin as it knows it."""
        return b"http://localhost:%d" % self.port
