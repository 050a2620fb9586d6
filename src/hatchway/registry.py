"""What a server offers: kinds of VM under names of the user's choice.

```python
vm = agent_os(software=[common, node])
registry = setup(use={"vm": vm})
registry.start()  # blocks; http://localhost:6420
```
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from hatchway.errors import Conflict, InvalidRequest
from hatchway.options import Limits, PreviewOptions, VmOptions

if TYPE_CHECKING:
    from hatchway.server.settings import Settings
    from hatchway.software import Software

_KIND = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def agent_os(
    *,
    software: Iterable[Software] = (),
    preview: PreviewOptions | None = None,
    limits: Limits | None = None,
) -> VmOptions:
    """One kind of VM.

    Args:
        software: what its VMs can run, from `hatchway.software`; the order does not matter.
        preview: how long previews live; by default one hour, at most a day.
        limits: what one VM may use.

    Raises:
        InvalidRequest: `invalid_option` for a value of the wrong type.
    """
    from hatchway.software import Software

    chosen = (software,) if isinstance(software, Software) else tuple(software)
    for item in chosen:
        if not isinstance(item, Software):
            raise InvalidRequest(
                "invalid_option",
                f"software must hold entries of hatchway.software, not {type(item).__name__}",
                "from hatchway.software import common, node",
            )
    preview = PreviewOptions() if preview is None else preview
    limits = Limits() if limits is None else limits
    if not isinstance(preview, PreviewOptions):
        raise InvalidRequest(
            "invalid_option", f"preview must be PreviewOptions, not {type(preview).__name__}"
        )
    if not isinstance(limits, Limits):
        raise InvalidRequest("invalid_option", f"limits must be Limits, not {type(limits).__name__}")
    return VmOptions(software=tuple(dict.fromkeys(chosen)), preview=preview, limits=limits)


def setup(*, use: Mapping[str, VmOptions]) -> Registry:
    """The registry of a server.

    Args:
        use: kinds of VM by name; a client reaches kind `vm` as `client.vm`.

    Raises:
        InvalidRequest: `invalid_option` for an empty mapping, a name that is not
            `[A-Za-z_][A-Za-z0-9_-]{0,63}`, or a value that `agent_os()` did not make.
    """
    return Registry(use)


@dataclass(frozen=True)
class Registry:
    """The kinds of VM that a server offers. Made by `setup()`."""

    kinds: Mapping[str, VmOptions]

    def __post_init__(self) -> None:
        if not self.kinds:
            raise InvalidRequest(
                "invalid_option", "a registry needs at least one kind of VM", 'setup(use={"vm": agent_os()})'
            )
        for name, options in self.kinds.items():
            check_kind_name(name)
            if not isinstance(options, VmOptions):
                raise InvalidRequest(
                    "invalid_option",
                    f"the kind {name!r} must be made by agent_os(), not {type(options).__name__}",
                )
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))

    def start(
        self,
        *,
        host: str | None = None,
        port: int | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        preview_domain: str | None = None,
        public_url: str | None = None,
        tls_cert: str | os.PathLike[str] | None = None,
        tls_key: str | os.PathLike[str] | None = None,
        trusted_proxies: Iterable[str] | None = None,
        gateway_limits: Mapping[str, float] | None = None,
    ) -> None:
        """Serve until SIGINT or SIGTERM; returns after a clean stop.

        Args:
            host: the address to listen on, by default 127.0.0.1; one beyond loopback needs `HATCHWAY_TOKEN`.
            port: the TCP port, by default 6420; 0 takes a free one.
            data_dir: where the database and the VMs' files are, by default `$XDG_DATA_HOME/hatchway`.
            preview_domain: previews are one label below it, by default below `localhost`.
            public_url: `http(s)://host[:port]` where visitors reach the server, if a proxy stands in front of it.
            tls_cert: a PEM file of the certificate and its chain, for a listener that speaks TLS.
            tls_key: a PEM file of the certificate's private key.
            trusted_proxies: addresses and networks whose word is taken for who the client behind them is.
            gateway_limits: sizes in bytes and times in seconds, by the names that docs/deploy.md lists.

        Raises:
            HatchwayError: `token_required`, `invalid_setting`, and what keeps the server from starting.
            Conflict: `event_loop_running` if called from a coroutine.
        """
        from hatchway.server.given_settings import given_settings

        self.run(
            given_settings(
                host=host,
                port=port,
                data_dir=data_dir,
                preview_domain=preview_domain,
                public_url=public_url,
                tls_cert=tls_cert,
                tls_key=tls_key,
                trusted_proxies=trusted_proxies,
                gateway_limits=gateway_limits,
            )
        )

    def run(self, settings: Settings) -> None:
        """As `start`, with all settings."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise Conflict(
                "event_loop_running",
                "a registry starts its own event loop and cannot start inside another",
                "call registry.start() from ordinary code, or run `hatchway serve`",
            )
        _log_to_stderr()
        # The server's own dependencies are loaded only when one starts.
        import uvloop

        from hatchway.server.server import serve

        # serve() handles SIGINT itself; this is for one that arrives before or after it does.
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(serve(self.kinds, settings))


def check_kind_name(name: object) -> str:
    """The name of a kind of VM, or `InvalidRequest` `invalid_option`."""
    if not isinstance(name, str) or _KIND.fullmatch(name) is None:
        raise InvalidRequest(
            "invalid_option",
            "the name of a kind of VM must be a letter or _ and then up to 63 letters, digits, _ or -, "
            f"not {name!r}",
        )
    return name


def _log_to_stderr() -> None:
    # A program that has set up logging keeps its own way; else people would not see where the server listens.
    log = logging.getLogger("hatchway")
    if not log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
