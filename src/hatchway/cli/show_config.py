"""`hatchway serve --show-config`: each setting, its value, and where it comes from. No secret is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.text import Text

from hatchway.cli.terminal import out
from hatchway.gateway.tls import ListenerTls
from hatchway.printable import printable
from hatchway.server.configuration import Chosen, Configuration
from hatchway.server.public_url import PublicUrl

JsonSetting = str | int | float | list[str] | None


def show(configuration: Configuration, *, as_json: bool) -> None:
    """Print a configuration that a server could start with.

    Raises:
        HatchwayError: those of `ListenerTls`, for a certificate that cannot be used.
    """
    settings = configuration.settings
    if settings.tls_cert is not None and settings.tls_key is not None:
        ListenerTls(settings.tls_cert, settings.tls_key)
    if as_json:
        sys.stdout.write(json.dumps(list(described(configuration.chosen.values())), indent=2) + "\n")
        return
    rows = [(each.setting.name, _origin(each), _words(each)) for each in configuration.chosen.values()]
    # Values come last and lines are not folded: a path may be long, and whoever greps for it wants it whole.
    names, origins = (max(len(row[column]) for row in rows) for column in (0, 1))
    console = out()
    for name, origin, value in rows:
        line = ((name.ljust(names), "bold"), "  ", (origin.ljust(origins), "cyan"), "  ", value)
        console.print(Text.assemble(*line))


def described(chosen: Iterable[Chosen]) -> Iterator[dict[str, object]]:
    """What the JSON says of each: `name`, `value` as it is given in code, `source` and `given_as`. A secret has `set`
    instead of a value."""
    for each in chosen:
        value = {"set": each.value is not None} if each.setting.secret else {"value": _plain(each.value)}
        yield {"name": each.setting.name, **value, "source": each.source, "given_as": each.given_as}


def _origin(chosen: Chosen) -> str:
    return chosen.source if chosen.given_as is None else f"{chosen.source}: {chosen.given_as}"


def _plain(value: object) -> JsonSetting:
    if isinstance(value, Path | PublicUrl):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [str(each) for each in value]
    assert value is None or isinstance(value, str | int | float)
    return value


def _words(chosen: Chosen) -> str:
    if chosen.setting.secret:
        return "not set" if chosen.value is None else "set"
    value = _plain(chosen.value)
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return ", ".join(value)
    text = str(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return printable(text, one_line=True)
