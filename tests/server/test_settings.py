from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hatchway.errors import InvalidRequest
from hatchway.server.settings import Settings, default_data_dir, is_loopback


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HATCHWAY_TOKEN", raising=False)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    settings = Settings()
    assert (settings.host, settings.port, settings.preview_domain) == ("127.0.0.1", 6420, "localhost")
    assert settings.data_dir == Path("/data/hatchway")
    assert settings.api_token is None


@pytest.mark.parametrize("base", ["", "relative/path"])
def test_the_cache_directory(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert Settings().cache_dir == Path("/cache/hatchway")
    monkeypatch.setenv("XDG_CACHE_HOME", base)
    monkeypatch.setenv("HOME", "/home/me")
    assert Settings().cache_dir == Path("/home/me/.cache/hatchway")


@pytest.mark.parametrize("base", ["", "relative/path"])
def test_the_data_directory_without_a_usable_xdg_data_home(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", base)
    monkeypatch.setenv("HOME", "/home/me")
    assert default_data_dir() == Path("/home/me/.local/share/hatchway")


def test_the_data_directory_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(data_dir=Path("data")).data_dir == tmp_path / "data"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    assert Settings(host=host).api_token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "localhost.example.org"])
def test_any_other_address_needs_a_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Settings(host=host)
    assert caught.value.code == "token_required"
    assert Settings(host=host, api_token="hunter2").host == host
    monkeypatch.setenv("HATCHWAY_TOKEN", "hunter2")
    assert Settings(host=host).api_token == "hunter2"


def test_the_token_is_not_shown() -> None:
    assert "hunter2" not in repr(Settings(api_token="hunter2"))
    with pytest.raises(InvalidRequest) as caught:
        Settings(api_token="hunter 2")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""},
        {"host": "a b"},
        {"host": "a\n"},
        {"port": -1},
        {"port": 65536},
        {"port": True},
        {"port": "6420"},
        {"preview_domain": ""},
        {"preview_domain": "-a"},
        {"preview_domain": "a..b"},
        {"preview_domain": "http://a"},
        {"preview_domain": "a:80"},
        {"preview_domain": ".".join(["a" * 60] * 4)},
        {"api_token": ""},
        {"api_token": "ü"},
        {"allowed_hosts": "example.org"},
    ],
)
def test_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Settings(**wrong)
    assert caught.value.code == "invalid_setting"


def test_names_are_compared_in_lower_case() -> None:
    settings = Settings(preview_domain="Preview.Example.ORG", allowed_hosts=frozenset({"API.example.org"}))
    assert settings.preview_domain == "preview.example.org"
    assert "api.example.org" in settings.allowed_hosts


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("192.0.2.1", {"192.0.2.1"}),
        ("2001:DB8::1", {"[2001:db8::1]"}),
        ("Example.org", {"example.org"}),
        ("0.0.0.0", set()),
        ("::", set()),
    ],
)
def test_the_bind_address_is_a_known_host(host: str, known: set[str]) -> None:
    assert Settings(host=host, api_token="t").allowed_hosts == known
