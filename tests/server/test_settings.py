from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from hatchway.errors import InvalidRequest
from hatchway.server.public_url import is_loopback, parse_public_url
from hatchway.server.settings import Settings, default_data_dir

PUBLIC = parse_public_url("https://preview.example.org")
PROXY = ipaddress.ip_network("127.0.0.1")


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("HATCHWAY_TOKEN", "of the environment, which is a layer of its own")
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
def test_any_other_address_needs_a_token(host: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Settings(host=host)
    assert caught.value.code == "token_required"
    assert Settings(host=host, api_token="hunter2").host == host


@pytest.mark.parametrize(
    "sign",
    [
        {"public_url": PUBLIC},
        {"trusted_proxies": (PROXY,)},
        {"preview_domain": "preview.example.org"},
    ],
)
def test_behind_a_proxy_loopback_needs_a_token_too(sign: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="reaches the proxy") as caught:
        Settings(**sign)
    assert caught.value.code == "token_required"
    assert Settings(**sign, api_token="hunter2").api_token == "hunter2"


@pytest.mark.parametrize(
    "local",
    [
        {"public_url": parse_public_url("http://localhost:8080")},
        {"public_url": parse_public_url("http://127.0.0.1:8080")},
        {"preview_domain": "preview.localhost"},
    ],
)
def test_what_is_for_this_machine_alone_needs_none(local: dict[str, Any]) -> None:
    assert Settings(**local).api_token is None


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
        {"allowed_hosts": frozenset({"https://example.org"})},
        {"host": None},
        {"data_dir": None},
        {"data_dir": Path("a\0b")},
        {"public_url": "example.org"},
        {"tls_cert": Path("cert.pem")},
        {"tls_key": Path("key.pem")},
        {"trusted_proxies": (ipaddress.ip_network("0.0.0.0/0"),), "api_token": "t"},
        {"trusted_proxies": (PROXY, ipaddress.ip_network("::/0")), "api_token": "t"},
    ],
)
def test_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Settings(**wrong)
    assert caught.value.code == "invalid_setting"


def test_names_are_compared_in_lower_case() -> None:
    settings = Settings(
        preview_domain="Preview.Example.ORG", allowed_hosts=frozenset({"API.example.org"}), api_token="t"
    )
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


def test_the_public_host_is_a_known_host() -> None:
    assert Settings(public_url=PUBLIC, api_token="t").allowed_hosts == {"127.0.0.1", "preview.example.org"}


def test_the_files_of_tls_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(tls_cert=Path("cert.pem"), tls_key=Path("key.pem"))
    assert (settings.tls_cert, settings.tls_key) == (tmp_path / "cert.pem", tmp_path / "key.pem")


TOKEN = "t" * 32
TLS = {"tls_cert": Path("cert.pem"), "tls_key": Path("key.pem")}
DOMAIN = {"preview_domain": "preview.example.org", "api_token": "t"}


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, f"http://{TOKEN}.localhost:7000/"),
        (TLS, f"https://{TOKEN}.localhost:7000/"),
        (DOMAIN, f"http://{TOKEN}.preview.example.org:7000/"),
        (DOMAIN | {"public_url": PUBLIC}, f"https://{TOKEN}.preview.example.org/"),
        (DOMAIN | TLS | {"public_url": PUBLIC}, f"https://{TOKEN}.preview.example.org/"),
        (
            DOMAIN | {"public_url": parse_public_url("https://api.example.org:8443")},
            f"https://{TOKEN}.preview.example.org:8443/",
        ),
        ({"public_url": parse_public_url("http://localhost:8080")}, f"http://{TOKEN}.localhost:8080/"),
        # Without a domain there is one name only.
        (
            {"public_url": PUBLIC, "api_token": "t"},
            f"https://preview.example.org/request/fetch/{TOKEN}/",
        ),
        (
            {"public_url": parse_public_url("http://192.0.2.1:8080"), "api_token": "t"},
            f"http://192.0.2.1:8080/request/fetch/{TOKEN}/",
        ),
    ],
)
def test_the_address_given_to_people(given: dict[str, Any], url: str) -> None:
    assert Settings(**given).preview_url(TOKEN, 7000) == url
