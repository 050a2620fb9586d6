"""What a declared service may be."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import InvalidRequest
from hatchway.vm.service_spec import ServiceSpec, check_service, check_service_name


@pytest.mark.parametrize("name", ["web", "a", "1", "web.2_x-y", "x" * 63])
def test_names(name: str) -> None:
    assert check_service_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "-x", "a/b", "a b", "ä", "x" * 64, "web\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_service_name(name)
    assert caught.value.code == "invalid_service"


@given(st.text())
def test_a_name_is_a_file_name_of_its_own(name: str) -> None:
    try:
        check_service_name(name)
    except InvalidRequest:
        return
    assert "/" not in name
    assert not name.startswith(".")
    assert name.isascii()


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (ServiceSpec("web", "node", port=0), "invalid_port"),
        (ServiceSpec("web", "node", port=70000), "invalid_port"),
        (ServiceSpec("web", "node", ready="/health"), "invalid_service"),
        (ServiceSpec("web", "node", port=1, ready="health"), "invalid_service"),
        (ServiceSpec("web", "node", port=1, ready="/a\r\nb"), "invalid_service"),
        (ServiceSpec("web", "node", port=1, ready="/a b"), "invalid_service"),
    ],
)
def test_what_makes_no_sense(spec: ServiceSpec, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_service(spec)
    assert caught.value.code == code


def test_its_environment_is_in_no_repr_and_all_of_it_is_stored() -> None:
    spec = ServiceSpec("web", "node", ["a"], {"KEY": "sesame"}, "/srv", 3000, "/health")
    assert "sesame" not in repr(spec)
    assert check_service(spec).argv == ["node", "a"]
    assert msgspec.json.decode(msgspec.json.encode(spec), type=ServiceSpec) == spec
