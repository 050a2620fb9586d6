from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway import Limits, PreviewOptions, Registry, agent_os, setup
from hatchway.errors import Conflict, InvalidRequest
from hatchway.options import VmOptions
from hatchway.registry import check_kind_name
from hatchway.server.configuration import layered
from hatchway.software import common, node


def test_the_seeds_server() -> None:
    vm = agent_os(
        software=[common, node],
        preview=PreviewOptions(default_expires_in_seconds=3600, max_expires_in_seconds=86400),
        limits=Limits(processes=64),
    )
    registry = setup(use={"vm": vm})
    assert registry.kinds == {"vm": vm}
    assert vm.software == (common, node)
    assert vm.limits.processes == 64


def test_defaults() -> None:
    assert agent_os() == VmOptions()


def test_software_once_and_alone() -> None:
    assert agent_os(software=[common, common]).software == (common,)
    assert agent_os(software=node).software == (node,)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"software": [sys]},
        {"software": ["node"]},
        {"preview": {"default_expires_in_seconds": 1}},
        {"limits": 5},
    ],
)
def test_options_of_a_wrong_type(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        agent_os(**wrong)
    assert caught.value.code == "invalid_option"


@pytest.mark.parametrize("use", [{}, {"": agent_os()}, {"a b": agent_os()}, {"9": agent_os()}, {"vm": 5}])
def test_what_is_no_registry(use: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        setup(use=use)
    assert caught.value.code == "invalid_option"


@given(st.text() | st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,70}", fullmatch=True))
def test_names_of_kinds(name: str) -> None:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", name):
        assert check_kind_name(name) == name
    else:
        with pytest.raises(InvalidRequest):
            check_kind_name(name)


def test_a_registry_cannot_be_changed_behind_a_servers_back() -> None:
    use = {"vm": agent_os()}
    registry = setup(use=use)
    use["other"] = agent_os()
    assert list(registry.kinds) == ["vm"]
    with pytest.raises(TypeError):
        registry.kinds["other"] = agent_os()  # type: ignore[index]


async def test_a_registry_does_not_start_inside_an_event_loop() -> None:
    with pytest.raises(Conflict) as caught:
        setup(use={"vm": agent_os()}).start(port=0)
    assert caught.value.code == "event_loop_running"


def test_bad_settings_are_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HATCHWAY_TOKEN", raising=False)
    registry = setup(use={"vm": agent_os()})
    refused: list[tuple[dict[str, Any], str]] = [
        ({"port": 70000}, "invalid_setting"),
        ({"host": "0.0.0.0"}, "token_required"),
        ({"preview_domain": "preview.example.org"}, "token_required"),
        ({"public_url": "preview.example.org"}, "invalid_setting"),
        ({"tls_cert": "cert.pem"}, "invalid_setting"),
        ({"trusted_proxies": ["everybody"]}, "invalid_setting"),
        ({"gateway_limits": {"head_seconds": 0}}, "invalid_setting"),
        ({"gateway_limits": {"head_second": 1}}, "unknown_setting"),
        ({"prot": 7000}, "unknown_setting"),
    ]
    for wrong, code in refused:
        with pytest.raises(InvalidRequest) as caught:
            registry.start(**wrong)
        assert caught.value.code == code


def test_settings_in_code_are_checked_when_they_are_given() -> None:
    for wrong, code, message in (
        ({"port": 70000}, "invalid_setting", "setup(port=…): port must be"),
        ({"prot": 7000}, "unknown_setting", "setup() has no setting 'prot'"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            setup(use={"vm": agent_os()}, **wrong)  # type: ignore[arg-type]
        assert caught.value.code == code
        assert caught.value.message.startswith(message)


def test_what_code_gives_is_read_once() -> None:
    registry = setup(use={"vm": agent_os()}, allowed_hosts=(name for name in ("a.example", "b.example")))
    for _ in range(2):
        assert layered({}, registry.settings).settings.allowed_hosts >= {"a.example", "b.example"}


def test_a_registry_shows_no_token() -> None:
    registry = setup(use={"vm": agent_os()}, token="hunter2-hunter2", port=0)
    assert {name: each.value for name, each in registry.settings.items()} == {
        "token": "hunter2-hunter2",
        "port": 0,
    }
    assert "hunter2" not in repr(registry)
    assert "hunter2" not in repr(registry.settings)


def test_errors_of_a_start_say_which_layer_they_are_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HATCHWAY_TOKEN", raising=False)
    registry = setup(use={"vm": agent_os()}, host="0.0.0.0")
    with pytest.raises(InvalidRequest, match=r"^setup\(host=…\): listening on 0\.0\.0\.0"):
        registry.start()
    with pytest.raises(InvalidRequest, match=r"^start\(host=…\): listening on ::"):
        registry.start(host="::")
    monkeypatch.setenv("HATCHWAY_HOST", "192.0.2.1")
    with pytest.raises(InvalidRequest, match=r"^HATCHWAY_HOST: listening on 192\.0\.2\.1"):
        registry.start(host="::")


@pytest.mark.parametrize(
    ("make", "name", "nearest"),
    [
        (agent_os, "limit", "limits"),
        (agent_os, "softwares", "software"),
        (Limits, "process", "processes"),
        (Limits, "memory", "memory_bytes"),
        (PreviewOptions, "max_expires_in_second", "max_expires_in_seconds"),
    ],
)
def test_an_unknown_option_of_a_kind_is_told_with_the_nearest(make: Any, name: str, nearest: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(**{name: 1})
    assert caught.value.code == "unknown_setting"
    assert repr(name) in caught.value.message
    assert caught.value.hint == f"did you mean {nearest}?"


def test_importing_the_package_loads_no_framework() -> None:
    # VMs are forked from a process that imports it; and a program that only configures should start fast.
    probe = (
        "import sys, hatchway; hatchway.setup; print(*{'starlette', 'httpx', 'uvloop'} & sys.modules.keys())"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_every_public_name_is_there() -> None:
    import hatchway

    for name in hatchway.__all__:
        assert getattr(hatchway, name) is not None
    with pytest.raises(AttributeError):
        hatchway.nonsense  # noqa: B018
    assert isinstance(setup(use={"vm": agent_os()}), Registry)
