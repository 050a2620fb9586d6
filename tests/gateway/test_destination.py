"""What a request addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import InvalidRequest
from hatchway.gateway.destination import (
    ControlDestination,
    PortDestination,
    PreviewDestination,
    find_destination,
    preview_label,
)
from hatchway.preview.address import AddressMode

TOKEN = "t" * 32
HOST, PATH, HEADER = AddressMode.HOST, AddressMode.PATH, AddressMode.HEADER


def find(host: str | None, target: str, header: str | None = None) -> object:
    label = preview_label(None if host is None else host.encode(), "localhost")
    return find_destination(label, target.encode(), None if header is None else header.encode())


def test_each_address() -> None:
    assert find(f"{TOKEN}.localhost:1", "/a?b") == PreviewDestination(TOKEN, HOST, b"", b"/a?b")
    assert find("localhost", "/a?b", TOKEN) == PreviewDestination(TOKEN, HEADER, b"", b"/a?b")
    prefix = f"/fetch/{TOKEN}".encode()
    assert find("localhost", f"/fetch/{TOKEN}/a?b") == PreviewDestination(TOKEN, PATH, prefix, b"/a?b")
    assert find("localhost", f"/fetch/{TOKEN}?b") == PreviewDestination(TOKEN, PATH, prefix, b"/?b", True)
    assert find("localhost", "/api/vms/v-1/ports/80/a?b") == PortDestination(
        "v-1", 80, b"/api/vms/v-1/ports/80", b"/a?b"
    )
    assert find("localhost", "/api/vms") == ControlDestination(b"/api/vms")
    assert find(None, "/") == ControlDestination(b"/")


def test_host_before_header_before_path() -> None:
    other = "o" * 32
    assert find(f"{TOKEN}.localhost", f"/fetch/{other}/", other) == PreviewDestination(
        TOKEN, HOST, b"", f"/fetch/{other}/".encode()
    )
    found = find("localhost", f"/fetch/{other}/", TOKEN)
    assert found == PreviewDestination(TOKEN, HEADER, b"", f"/fetch/{other}/".encode())


@pytest.mark.parametrize("host", ["x.localhost", "api.localhost", "a.b.localhost:6420", ".localhost"])
def test_a_host_below_the_domain_is_never_the_control_api(host: str) -> None:
    assert isinstance(find(host, "/api/vms"), PreviewDestination)
    assert isinstance(find(host, "/api/vms/v/ports/1/"), PreviewDestination)


@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1", "abc", "", "080", "1.5", "123456", "%33", "٣"])
def test_a_bad_port_is_refused(port: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        find("localhost", f"/api/vms/v/ports/{port}/")
    assert refused.value.code == "invalid_port"


@pytest.mark.parametrize(
    "target", ["/api/vms/v/ports", "/api/vms/v/ports/80", "/api/vms/v/ports/80?x", "/api/vms/a%2Fb/ports/80/"]
)
def test_what_lacks_a_path_is_the_control_apis(target: str) -> None:
    assert isinstance(find("localhost", target), ControlDestination)


@given(
    st.from_regex(r"[A-Za-z0-9_-]{1,30}", fullmatch=True),
    st.integers(1, 65535),
    st.text("a/?%.", max_size=10),
)
def test_port_round_trip(vm_id: str, port: int, rest: str) -> None:
    found = find("localhost", f"/api/vms/{vm_id}/ports/{port}/{rest}")
    assert isinstance(found, PortDestination)
    assert (found.vm_id, found.port) == (vm_id, port)
    assert found.prefix + found.target == f"/api/vms/{vm_id}/ports/{port}/{rest}".encode()


@given(st.binary(max_size=40), st.binary(max_size=60), st.none() | st.binary(max_size=40))
def test_everything_addresses_something_with_a_target(host: bytes, path: bytes, header: bytes | None) -> None:
    try:
        found = find_destination(preview_label(host, "localhost"), b"/" + path, header)
    except InvalidRequest:
        return
    assert found.target.startswith(b"/")


def test_no_token_in_a_repr() -> None:
    assert TOKEN not in repr(find(f"{TOKEN}.localhost", "/"))
    assert TOKEN not in repr(find("localhost", f"/fetch/{TOKEN}/"))
