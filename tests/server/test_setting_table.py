from __future__ import annotations

import dataclasses
from typing import get_type_hints

import pytest

from hatchway.gateway.limits import GatewayLimits
from hatchway.server.setting_keywords import SettingKeywords
from hatchway.server.setting_table import CLIENT_VARIABLES, KEYWORDS, LIMIT, SETTINGS, VARIABLES
from hatchway.server.settings import Settings


def test_every_field_of_the_settings_is_a_setting() -> None:
    fields = [each.name for each in dataclasses.fields(Settings)]
    assert [each.field for each in SETTINGS.values() if each.limit is None] == [
        name for name in fields if name != "gateway_limits"
    ]
    limits = [each.name for each in dataclasses.fields(GatewayLimits)]
    assert [each.limit for each in SETTINGS.values() if each.limit is not None] == limits


def test_the_keywords_that_type_checkers_know_are_these() -> None:
    assert get_type_hints(SettingKeywords).keys() == KEYWORDS


@pytest.mark.parametrize("name", SETTINGS)
def test_a_name_leads_to_its_variable_and_its_flag(name: str) -> None:
    setting = SETTINGS[name]
    assert VARIABLES["HATCHWAY_" + name.upper()] is setting
    if name.startswith(LIMIT):
        assert setting.as_flag() == f"--limit {name.removeprefix(LIMIT)}"
        assert setting.in_code("setup") == f"setup(gateway_limits={{'{name.removeprefix(LIMIT)}': …}})"
    else:
        assert setting.in_code("setup") == f"setup({name}=…)"
        assert setting.secret or "--" + name.replace("_", "-") in {
            setting.as_flag(),
            f"{setting.as_flag()}s",  # a list's flag is for one of its items
            f"{str(setting.flag).removesuffix('y')}ies",
        }


def test_secrets_alone_have_no_flag() -> None:
    assert [each.name for each in SETTINGS.values() if each.secret] == ["token"]
    assert [each.name for each in SETTINGS.values() if each.flag is None] == ["token"]


def test_what_only_clients_read_is_no_setting() -> None:
    assert not CLIENT_VARIABLES & VARIABLES.keys()


@pytest.mark.parametrize("name", [each.name for each in SETTINGS.values() if each.limit is None])
def test_the_default_in_words_is_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, f"/${variable}")
    setting = SETTINGS[name]
    value = getattr(Settings(), setting.field)
    if setting.default == "none":
        assert value in (None, (), frozenset({"127.0.0.1"}))
    else:
        assert str(value).removeprefix("/") == setting.default
        assert setting.default in setting.help
