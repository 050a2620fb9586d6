from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import InvalidRequest
from hatchway.gateway.limits import GatewayLimits
from hatchway.server.given_settings import (
    check_allowed_hosts,
    check_limit,
    check_limit_names,
    check_path,
    check_public_url,
    check_trusted_proxies,
    parse_limit,
    parse_limits,
    parse_list,
    parse_networks,
    parse_whole_number,
)
from hatchway.server.public_url import PublicUrl
from hatchway.server.setting_table import SETTINGS

FIELDS = dataclasses.asdict(GatewayLimits())
LONE_SURROGATE = "\udcff"


class Odd:
    """Something that code may give by mistake, and that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.text() | st.integers()),
    st.dictionaries(st.text(), st.integers()),
    st.sampled_from([10**400, 10**5000, Odd(), b"", "\0", "~nobody-has-this-name/x", LONE_SURROGATE]),
)


@given(st.sampled_from(sorted(SETTINGS)), ANYTHING)
def test_whatever_is_given_is_a_value_or_an_error_of_ours(name: str, value: object) -> None:
    check = SETTINGS[name].check
    refused = None
    try:
        checked = check(value)
    except InvalidRequest as error:
        refused = error
    if refused is None:
        assert check(checked) == checked, "it takes its own results"
    else:
        assert refused.code == "invalid_setting"
        assert len(refused.message) < 400


def test_networks() -> None:
    assert parse_networks(["192.0.2.1", " 10.0.0.0/8 ", "2001:db8::/64", "::1"]) == tuple(
        ipaddress.ip_network(text) for text in ("192.0.2.1/32", "10.0.0.0/8", "2001:db8::/64", "::1/128")
    )
    assert parse_networks("192.0.2.1") == (ipaddress.ip_network("192.0.2.1"),)


@pytest.mark.parametrize(
    "text", ["", "proxy.example.org", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "[::1]", None, 5]
)
def test_what_is_no_network(text: Any) -> None:
    with pytest.raises(InvalidRequest, match="a trusted proxy must be") as caught:
        parse_networks(["192.0.2.1", text])
    assert caught.value.code == "invalid_setting"


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
def test_not_everybody_is_a_trusted_proxy(everybody: str) -> None:
    with pytest.raises(InvalidRequest, match="would let every client forge its address"):
        check_trusted_proxies(["192.0.2.1", everybody])


@pytest.mark.parametrize("host", ["a.example", "A.Example", "[2001:DB8::1]", "192.0.2.1", "my_host"])
def test_an_allowed_host(host: str) -> None:
    assert check_allowed_hosts([host]) == {host.lower()}


@pytest.mark.parametrize("host", ["", "http://a", "a:80", "2001:db8::1", "*.a", "a b", "a/", "u@a", None])
def test_what_is_no_allowed_host(host: Any) -> None:
    with pytest.raises(InvalidRequest, match="an allowed host must be"):
        check_allowed_hosts(["a.example", host])


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert check_path("data_dir", "data") == tmp_path / "data"
    assert check_path("data_dir", Path("~/data")) == Path("/home/me/data")
    tmp_path.joinpath("gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    tmp_path.joinpath("gone").rmdir()
    with pytest.raises(InvalidRequest, match="data_dir cannot be made absolute"):
        check_path("data_dir", "data")


def test_a_public_url() -> None:
    assert check_public_url("https://www.example.org") == PublicUrl("https", "www.example.org", 443)


@given(st.lists(st.text(st.characters(exclude_characters=","))))
def test_a_list_of_the_environment(items: list[str]) -> None:
    text = " , ".join(items)
    assert parse_list(text) == [item.strip() for item in items if item.strip()]


@given(st.integers(-(2**70), 2**70))
def test_a_whole_number_of_the_environment(number: int) -> None:
    assert parse_whole_number(f" {number}") == number


@given(st.text().filter(lambda text: not any(each.isdecimal() for each in text)))
def test_what_is_no_number_is_left_as_it_is(text: str) -> None:
    assert parse_whole_number(text) == text


def test_limits() -> None:
    limits = parse_limits(["head_seconds=2.5", " head_bytes = 1024", "wait_seconds=0", "head_seconds=10"])
    assert limits == {"head_seconds": 10.0, "head_bytes": 1024, "wait_seconds": 0.0}


@given(st.sampled_from(sorted(FIELDS)), st.integers(1, 2**40))
def test_every_limit_can_be_given(name: str, value: int) -> None:
    for number in (parse_limits([f"{name}={value}"])[name], parse_limit(name, str(value)), value):
        checked = check_limit(name, number)
        assert checked == value
        assert type(checked) is type(FIELDS[name])


def as_text(text: str) -> object:
    ((name, value),) = parse_limits([text]).items()
    return check_limit(name, value)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("head_second=1", "no limit named 'head_second'", "did you mean head_seconds?"),
        ("HEAD_SECONDS=1", "no limit named 'HEAD_SECONDS'", "the limits are head_bytes, "),
        ("xyz=1", "no limit named 'xyz'", "the limits are head_bytes, "),
        ("=1", "no limit named ''", "the limits are head_bytes, "),
        ("head_seconds", "must be NAME=VALUE", "such as"),
        ("", "must be NAME=VALUE", "such as"),
        ("head_seconds=", "head_seconds must be a number, not ''", ""),
        ("head_seconds=soon", "head_seconds must be a number, not 'soon'", ""),
        ("head_seconds=nan", "head_seconds must be a number greater than 0", ""),
        ("head_seconds=0", "head_seconds must be a number greater than 0", ""),
        ("wait_seconds=-1", "wait_seconds must be a number of at least 0", ""),
        ("head_bytes=1.5", "head_bytes must be a whole number, not '1.5'", ""),
        ("head_bytes=-1", "head_bytes must be a whole number greater than 0", ""),
    ],
)
def test_what_is_no_limit(text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        as_text(text)
    assert caught.value.code == ("unknown_setting" if "no limit named" in message else "invalid_setting")
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (check_limit_names, 5),
        (check_limit_names, ["head_seconds"]),
        (lambda value: check_limit("head_seconds", value), "5"),
        (lambda value: check_limit("head_bytes", value), 5.0),
        (lambda value: check_limit("head_bytes", value), True),
        (lambda value: check_limit("head_bytes", value), 10**400),
    ],
)
def test_limits_in_code_are_checked_alike(check: Callable[[Any], object], value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(value)
    assert caught.value.code == "invalid_setting"


def test_an_unknown_limit_in_code() -> None:
    with pytest.raises(InvalidRequest, match="no limit named 'heads'") as caught:
        check_limit_names({"head_bytes": 5, "heads": 5})
    assert caught.value.code == "unknown_setting"
