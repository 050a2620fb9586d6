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
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Never, Unpack

from hatchway.errors import Conflict, InvalidRequest
from hatchway.nearest import unknown_setting
from hatchway.options import IdleOptions, Limits, PreviewOptions, VmOptions

if TYPE_CHECKING:
    from hatchway.server.configuration import Layer
    from hatchway.server.server import RunningServer
    from hatchway.server.setting_keywords import SettingKeywords
    from hatchway.server.settings import Settings
    from hatchway.software import Software

_KIND = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def agent_os(
    *,
    software: Iterable[Software] = (),
    preview: PreviewOptions | None = None,
    limits: Limits | None = None,
    idle: IdleOptions | None = None,
    **unknown: Never,
) -> VmOptions:
    """One kind of VM.

    Args:
        software: what its VMs can run, from `hatchway.software` or your own; what it needs comes along.
        preview: how long previews live; by default one hour, at most a day.
        limits: what one VM may use.
        idle: after how long without use a VM is paused and put to sleep; by default five minutes and an hour.
        unknown: there are no others; what is given is refused with the nearest name.

    Raises:
        InvalidRequest: `invalid_option` for a value of the wrong type, and for two different software of one name;
            `unknown_setting`.
    """
    from hatchway.software import Software
    from hatchway.software.needs import resolve

    known = ("software", "preview", "limits", "idle")
    for name in unknown:
        raise unknown_setting(
            f"agent_os() has no {name!r}", name, {each: each for each in known}, f"it has {', '.join(known)}"
        )

    chosen = (software,) if isinstance(software, Software) else tuple(software)
    for item in chosen:
        if not isinstance(item, Software):
            raise InvalidRequest(
                "invalid_option",
                f"software must hold entries of hatchway.software, not {type(item).__name__}",
                "from hatchway.software import common, node",
            )
    resolve(chosen)  # what cannot be in one VM is refused here, not at the first boot
    preview = PreviewOptions() if preview is None else preview
    limits = Limits() if limits is None else limits
    if not isinstance(preview, PreviewOptions):
        raise InvalidRequest(
            "invalid_option", f"preview must be PreviewOptions, not {type(preview).__name__}"
        )
    if not isinstance(limits, Limits):
        raise InvalidRequest("invalid_option", f"limits must be Limits, not {type(limits).__name__}")
    idle = IdleOptions() if idle is None else idle
    if not isinstance(idle, IdleOptions):
        raise InvalidRequest("invalid_option", f"idle must be IdleOptions, not {type(idle).__name__}")
    return VmOptions(software=tuple(dict.fromkeys(chosen)), preview=preview, limits=limits, idle=idle)


def setup(*, use: Mapping[str, VmOptions], **settings: Unpack[SettingKeywords]) -> Registry:
    """The registry of a server.

    Args:
        use: kinds of VM by name; a client reaches kind `vm` as `client.vm`.
        settings: where the server listens and so on, by the keywords of `SettingKeywords`: `host`, `port`, `data_dir`,
            `cache_dir`, `preview_domain`, `token`, `allowed_hosts`, `public_url`, `tls_cert`, `tls_key`,
            `trusted_proxies`, `ready_vms`, `disk_reserve_bytes` and `gateway_limits`. They hold for `registry.start()`
            and for `hatchway serve`; environment variables `HATCHWAY_…` override them, and flags of `hatchway serve`
            both.

    Raises:
        InvalidRequest: `invalid_option` for an empty mapping, a name that is not
            `[A-Za-z_][A-Za-z0-9_-]{0,63}`, or a value that `agent_os()` did not make; `unknown_setting` and
            `invalid_setting` for settings.
    """
    from hatchway.server.configuration import from_code

    return Registry(use, from_code("setup", settings))


@dataclass(frozen=True)
class Registry:
    """The kinds of VM that a server offers, and what code says of its settings. Made by `setup()`."""

    kinds: Mapping[str, VmOptions]
    settings: Layer = field(default_factory=dict, repr=False)
    """What `setup()` was given; it may hold the API token."""

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

    def start(self, **settings: Unpack[SettingKeywords]) -> None:
        """Serve until SIGINT or SIGTERM; returns after a clean stop.

        Args:
            settings: as those of `setup()`, which these override. Environment variables override both.

        Raises:
            HatchwayError: `unknown_setting`, `invalid_setting`, `token_required`, and what keeps the server from
                starting.
            Conflict: `event_loop_running` if called from a coroutine.
        """
        self.run(self._settings("start", settings))

    @asynccontextmanager
    async def serving(self, **settings: Unpack[SettingKeywords]) -> AsyncIterator[RunningServer]:
        """Serve within a program that has an event loop of its own, for as long as the context lasts.

        Signals are the program's own affair, and so is the log (`hatchway`).

        Args:
            settings: as those of `start()`.

        Returns:
            The server: its `url`, `host` and `port`.

        Raises:
            HatchwayError: as for `start()`.
        """
        from hatchway.server.server import running

        async with running(self.kinds, self._settings("serving", settings)) as server:
            yield server

    def _settings(self, function: str, given: SettingKeywords) -> Settings:
        from hatchway.server.configuration import from_code, from_environment, layered

        layers = (self.settings, from_code(function, given), from_environment(os.environ))
        return layered(os.environ, *layers).settings

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
