from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hatchway.cli.show_config import described
from hatchway.errors import InvalidRequest
from hatchway.server.configuration import from_code, from_environment, from_flags, layered
from hatchway.server.setting_table import CLIENT_VARIABLES, KEYWORDS, LIMIT, SETTINGS, VARIABLES
from hatchway.server.settings import Settings
from server.given_values import LAYERS, VALUES, in_layer, written

SOURCES = {"setup": "code", "start": "code", "environment": "environment", "flags": "flag"}
BASE = {"token": "of-the-base", "tls_cert": "/cert.pem", "tls_key": "/key.pem"}
"""So that whatever else is given goes together."""

SECRET = "hunter2-hunter2"

some_values = st.fixed_dictionaries({}, optional=VALUES)


def test_there_is_a_value_of_every_setting() -> None:
    assert VALUES.keys() == SETTINGS.keys()


def test_nothing_given_means_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    configuration = layered({"XDG_DATA_HOME": "/data"}, from_code("setup", {}), from_environment({}))
    assert configuration.settings == Settings()
    assert configuration.settings.data_dir == Path("/data/hatchway")
    assert {(each.source, each.given_as) for each in configuration.chosen.values()} == {("default", None)}
    assert list(configuration.chosen) == list(SETTINGS)


@given(st.fixed_dictionaries(dict.fromkeys(LAYERS, some_values)))
def test_of_any_layers_the_last_that_gives_a_setting_wins(layers: dict[str, dict[str, Any]]) -> None:
    layers = {"setup": BASE | layers["setup"], **{name: layers[name] for name in LAYERS[1:]}}
    configuration = layered({}, *(in_layer(name, values) for name, values in layers.items()))
    for name, setting in SETTINGS.items():
        givers = [
            layer
            for layer, values in layers.items()
            if name in values and not (layer == "flags" and setting.flag is None)
        ]
        chosen = configuration.chosen[name]
        if not givers:
            assert (chosen.source, chosen.given_as) == ("default", None)
            continue
        strongest = givers[-1]
        assert chosen.value == setting.check(layers[strongest][name])
        assert (chosen.source, chosen.given_as) == (SOURCES[strongest], written(strongest, setting))
        holder = configuration.settings if setting.limit is None else configuration.settings.gateway_limits
        held = getattr(holder, setting.field)
        assert held >= chosen.value if name == "allowed_hosts" else held == chosen.value


@given(some_values, some_values)
def test_what_is_shown_as_json_makes_the_same_server(code: dict[str, Any], variables: dict[str, Any]) -> None:
    configuration = layered({}, in_layer("setup", BASE | code), in_layer("environment", variables))
    shown = json.loads(json.dumps(list(described(configuration.chosen.values()))))
    assert [each["name"] for each in shown] == list(SETTINGS)
    values = {each["name"]: each["value"] for each in shown if each["name"] != "token"}
    again = {name: value for name, value in values.items() if value is not None}
    again["token"] = configuration.settings.api_token  # which is not shown
    assert layered({}, in_layer("setup", again)).settings == configuration.settings


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", SETTINGS)
@settings(max_examples=5)
@given(data=st.data())
def test_every_setting_can_be_given_in_every_layer(layer: str, name: str, data: st.DataObject) -> None:
    setting = SETTINGS[name]
    value = data.draw(VALUES[name])
    read = in_layer(layer, {name: value})
    if layer == "flags" and setting.flag is None:
        assert read == {}
        return
    assert list(read) == [name]
    assert read[name].value == setting.check(value)
    assert read[name].given_as == written(layer, setting)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("host", "a b"),
        ("port", 70000),
        ("preview_domain", "http://a"),
        ("token", f"{SECRET} {SECRET}"),
        ("allowed_hosts", ["https://a"]),
        ("public_url", f"https://user:{SECRET}@a"),
        ("trusted_proxies", ["0.0.0.0/0"]),
        *((f"{LIMIT}{limit}", -1) for limit in ("head_bytes", "head_seconds", "wait_seconds")),
    ],
)
def test_a_wrong_value_says_where_it_is_and_no_secret(layer: str, name: str, wrong: object) -> None:
    setting = SETTINGS[name]
    if layer == "flags" and setting.flag is None:
        return
    with pytest.raises(InvalidRequest) as caught:
        in_layer(layer, {name: wrong})
    assert caught.value.code == "invalid_setting"
    assert caught.value.message.startswith(f"{written(layer, setting)}: ")
    assert SECRET not in str(caught.value)


def test_what_is_no_value_of_its_type_in_the_environment() -> None:
    for variable, text, message in (
        (
            "HATCHWAY_PORT",
            "http",
            "HATCHWAY_PORT: port must be a whole number between 0 and 65535, not 'http'",
        ),
        (
            "HATCHWAY_LIMIT_WAIT_SECONDS",
            "long",
            "HATCHWAY_LIMIT_WAIT_SECONDS: the limit wait_seconds must be a number, not 'long'",
        ),
    ):
        with pytest.raises(InvalidRequest) as caught:
            from_environment({variable: text})
        assert caught.value.message == message


def test_a_wrong_value_is_told_where_a_later_layer_wins_too() -> None:
    with pytest.raises(InvalidRequest, match="HATCHWAY_PORT"):
        layered({}, from_environment({"HATCHWAY_PORT": "x"}), from_flags({"port": 0}))


@pytest.mark.parametrize(
    ("given_as", "layers", "code"),
    [
        ("HATCHWAY_HOST", [from_environment({"HATCHWAY_HOST": "0.0.0.0"})], "token_required"),
        ("--host", [from_code("setup", {"host": "::1"}), from_flags({"host": "::"})], "token_required"),
        ("setup(host=…)", [from_code("setup", {"host": "0.0.0.0"})], "token_required"),
        ("--trusted-proxy", [from_flags({"trusted_proxies": ["192.0.2.1"]})], "token_required"),
        ("start(public_url=…)", [from_code("start", {"public_url": "https://a.b"})], "token_required"),
        (
            "HATCHWAY_PREVIEW_DOMAIN",
            [from_environment({"HATCHWAY_PREVIEW_DOMAIN": "a.b"})],
            "token_required",
        ),
        ("HATCHWAY_TLS_KEY", [from_environment({"HATCHWAY_TLS_KEY": "k"})], "invalid_setting"),
        ("--tls-cert", [from_flags({"tls_cert": "c"})], "invalid_setting"),
    ],
)
def test_values_that_do_not_go_together_say_where_they_are(given_as: str, layers: Any, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        layered({}, *layers)
    assert caught.value.code == code
    assert caught.value.message.startswith(f"{given_as}: ")
    assert caught.value.hint
    assert caught.value.details is None


def test_an_empty_variable_and_none_are_not_given() -> None:
    assert from_environment(dict.fromkeys(VARIABLES, "")) == {}
    assert from_code("setup", dict.fromkeys(KEYWORDS)) == {}
    assert from_flags({"port": None, "allowed_hosts": []}) == {}


def test_variables_of_clients_and_of_others_are_no_settings() -> None:
    environment = dict.fromkeys([*CLIENT_VARIABLES, "hatchway_port", "HATCHWAYPORT", "PORT"], "x")
    assert from_environment(environment) == {}


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("HATCHWAY_PROT", "HATCHWAY_PORT"),
        ("HATCHWAY_API_TOKEN", "HATCHWAY_TOKEN"),
        ("HATCHWAY_ALLOWED_HOST", "HATCHWAY_ALLOWED_HOSTS"),
        ("HATCHWAY_WAIT_SECONDS", "HATCHWAY_LIMIT_WAIT_SECONDS"),
        ("HATCHWAY_ULR", "HATCHWAY_URL"),
    ],
)
def test_an_unknown_variable_is_told_with_the_nearest(variable: str, nearest: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        from_environment({variable: SECRET})
    error = caught.value
    assert (error.code, error.message) == ("unknown_setting", f"there is no setting {variable}")
    assert error.hint == f"did you mean {nearest}?"
    assert SECRET not in str(error)


@pytest.mark.parametrize("variable", ["HATCHWAY_", "HATCHWAY_XYZ", "HATCHWAY_TOKEN\n"])
@pytest.mark.parametrize("value", ["", SECRET])
def test_a_variable_like_none_is_an_error_too(variable: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        from_environment({variable: value})
    assert caught.value.code == "unknown_setting"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("variable", [*VARIABLES, *CLIENT_VARIABLES])
def test_a_variable_that_lacks_a_letter_is_recognised(variable: str) -> None:
    for at in range(len("HATCHWAY_"), len(variable)):
        mistyped = variable[:at] + variable[at + 1 :]
        with pytest.raises(InvalidRequest) as caught:
            from_environment({mistyped: SECRET})
        assert caught.value.hint == f"did you mean {variable}?"


@pytest.mark.parametrize(
    ("keyword", "nearest"),
    [
        ("prot", "port=…"),
        ("allowed_host", "allowed_hosts=…"),
        ("api_token", "token=…"),
        ("wait_seconds", "gateway_limits={'wait_seconds': …}"),
    ],
)
@pytest.mark.parametrize("call", ["setup", "start"])
def test_an_unknown_keyword_is_told_with_the_nearest(call: str, keyword: str, nearest: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        from_code(call, {keyword: SECRET})
    error = caught.value
    assert (error.code, error.message) == ("unknown_setting", f"{call}() has no setting {keyword!r}")
    assert error.hint == f"did you mean {nearest}?"
    assert SECRET not in str(error)


def test_a_keyword_like_none_is_told_with_all_there_are() -> None:
    with pytest.raises(InvalidRequest, match="the settings are allowed_hosts, cache_dir, "):
        from_code("setup", {"xyz": SECRET})


def test_an_unknown_limit_says_where_it_is() -> None:
    with pytest.raises(InvalidRequest) as in_code:
        from_code("setup", {"gateway_limits": {"head_second": 1}})
    with pytest.raises(InvalidRequest) as as_flag:
        from_flags({}, ["head_second=1"])
    for caught, given_as in ((in_code, "setup(gateway_limits=…)"), (as_flag, "--limit")):
        assert caught.value.code == "unknown_setting"
        assert caught.value.message == f"{given_as}: there is no limit named 'head_second'"
        assert caught.value.hint == "did you mean head_seconds?"


def test_limits_are_layered_one_by_one() -> None:
    configuration = layered(
        {},
        from_code("setup", {"gateway_limits": {"head_seconds": 1, "wait_seconds": 1, "idle_seconds": 1}}),
        from_environment({"HATCHWAY_LIMIT_WAIT_SECONDS": "2", "HATCHWAY_LIMIT_IDLE_SECONDS": "2"}),
        from_flags({}, ["idle_seconds=3"]),
    )
    limits = configuration.settings.gateway_limits
    assert (limits.head_seconds, limits.wait_seconds, limits.idle_seconds) == (1, 2, 3)
    assert limits.connect_seconds == 5


def test_no_secret_is_in_a_repr() -> None:
    configuration = layered({}, from_environment({"HATCHWAY_TOKEN": SECRET}))
    assert configuration.settings.api_token == SECRET
    assert SECRET not in repr(configuration)
    assert SECRET not in json.dumps(list(described(configuration.chosen.values())))
