"""A server's configuration: the defaults, then code, then the environment, then flags, the later winning. Pure.

Each layer is read by itself, and each value of each is checked, also where a later one wins: an error says which
layer and name it is about. A layer's lists replace those of earlier ones; each of the gateway's limits is a setting of
its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hatchway.errors import InvalidRequest
from hatchway.gateway.limits import GatewayLimits
from hatchway.nearest import unknown_setting
from hatchway.server.given_settings import LIMITS, check_limit_names, parse_limits
from hatchway.server.setting_table import (
    CLIENT_VARIABLES,
    KEYWORDS,
    LIMIT,
    PREFIX,
    SETTINGS,
    VARIABLES,
    Setting,
)
from hatchway.server.settings import CONCERNS, Settings, default_cache_dir, default_data_dir

Source = Literal["default", "code", "environment", "flag"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A setting's value, and where it comes from."""

    setting: Setting
    value: Any = field(repr=False)
    """As `Settings` holds it; None where there is none. May be a secret."""
    source: Source
    given_as: str | None = None
    """How it was written there, without the value, such as `HATCHWAY_PORT`; None for a default."""


Layer = Mapping[str, Chosen]
"""What one layer sets, by the settings' names."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, and where each comes from."""

    settings: Settings
    chosen: Layer
    """Every setting, in the order of the table."""


def from_code(call: str, given: Mapping[str, object]) -> Layer:
    """What code gives by keyword; None is as good as absent.

    Args:
        call: the call that was made, as errors name it, such as `setup`.

    Raises:
        InvalidRequest: `invalid_setting`, or `unknown_setting` for a keyword or a limit that does not exist.
    """
    for name in given:
        if name not in KEYWORDS:
            raise unknown_setting(
                f"{call}() has no setting {name!r}",
                name,
                {each.limit or each.name: each.keyword for each in SETTINGS.values()},
                f"the settings are {', '.join(sorted(KEYWORDS))}",
            )
    return _layer(given, "code", lambda setting: setting.in_code(call), f"{call}(gateway_limits=…)")


def from_environment(environment: Mapping[str, str]) -> Layer:
    """What environment variables give; an empty one is as good as absent.

    Raises:
        InvalidRequest: `invalid_setting`, or `unknown_setting` for a variable of ours that does not exist.
    """
    layer: dict[str, Chosen] = {}
    for variable in sorted(name for name in environment if name.startswith(PREFIX)):
        if variable in CLIENT_VARIABLES:
            continue
        setting = VARIABLES.get(variable)
        if setting is None:
            # Its value is not shown: it may be the token, under a mistyped name.
            raise unknown_setting(
                f"there is no setting {variable}",
                variable.removeprefix(PREFIX),
                {known.removeprefix(PREFIX): known for known in sorted({*VARIABLES, *CLIENT_VARIABLES})},
                "hatchway serve --show-config lists the settings; unset the variable if it is none",
            )
        text = environment[variable]
        if text:
            layer[setting.name] = _chosen(setting, "environment", variable, text)
    return layer


def from_flags(given: Mapping[str, object], limits: Iterable[str] = ()) -> Layer:
    """What flags give; None and an empty list are as good as absent.

    Args:
        given: values by the settings' names in code.
        limits: the values of `--limit`.

    Raises:
        InvalidRequest: `invalid_setting`, or `unknown_setting` for a limit that does not exist.
    """
    kept = {name: value for name, value in given.items() if value != []}
    try:
        kept["gateway_limits"] = parse_limits(limits)
    except InvalidRequest as error:
        raise _told(error, "--limit") from None
    return _layer(kept, "flag", Setting.as_flag, "--limit")


def layered(environment: Mapping[str, str], *layers: Layer) -> Configuration:
    """The settings of a server.

    Args:
        environment: where the defaults of folders follow from.
        layers: the weakest first.

    Raises:
        InvalidRequest: `invalid_setting`, `token_required`, for values that do not go together.
    """
    chosen = dict(_defaults(environment))
    for layer in layers:
        chosen.update(layer)
    fields = {each.setting.field: each.value for each in chosen.values() if each.setting.limit is None}
    limits = {each.setting.field: each.value for each in chosen.values() if each.setting.limit is not None}
    try:
        settings = Settings(**fields, gateway_limits=GatewayLimits(**limits))
    except InvalidRequest as error:
        concerns = (error.details or {}).get(CONCERNS)
        names = concerns if isinstance(concerns, list) else []
        given_as = [chosen[name].given_as for name in names if name in chosen]
        raise _told(error, ", ".join(each for each in given_as if each is not None)) from None
    return Configuration(settings, chosen)


def _defaults(environment: Mapping[str, str]) -> Layer:
    values: dict[str, Any] = {each.name: each.default for each in dataclasses.fields(Settings)}
    values |= {
        "data_dir": default_data_dir(environment),
        "cache_dir": default_cache_dir(environment),
        **LIMITS,
    }
    return {name: Chosen(setting, values[setting.field], "default") for name, setting in SETTINGS.items()}


def _layer(
    given: Mapping[str, object], source: Source, written: Callable[[Setting], str], limits_written: str
) -> Layer:
    """The layer of values by keyword.

    Args:
        written: how a setting is written there.
        limits_written: how all limits together are.
    """
    layer: dict[str, Chosen] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name != "gateway_limits":
            setting = SETTINGS[name]
            layer[name] = _chosen(setting, source, written(setting), value)
            continue
        try:
            limits = check_limit_names(value)
        except InvalidRequest as error:
            raise _told(error, limits_written) from None
        for limit, number in limits.items():
            setting = SETTINGS[LIMIT + limit]
            layer[setting.name] = _chosen(setting, source, written(setting), number)
    return layer


def _chosen(setting: Setting, source: Source, given_as: str, value: object) -> Chosen:
    try:
        given = setting.parse(value) if source == "environment" and isinstance(value, str) else value
        return Chosen(setting, setting.check(given), source, given_as)
    except InvalidRequest as error:
        raise _told(error, given_as) from None


def _told(error: InvalidRequest, given_as: str) -> InvalidRequest:
    """An error that says which name, in which layer, it is about."""
    if not given_as:
        return error
    return InvalidRequest(error.code, f"{given_as}: {error.message}", error.hint)
