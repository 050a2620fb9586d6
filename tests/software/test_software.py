from __future__ import annotations

from typing import Any

import pytest

from hatchway.errors import InvalidRequest
from hatchway.software import (
    Folder,
    HostCommands,
    NodeJs,
    Npm,
    PyPI,
    Software,
    node,
    node_at_least,
    pi,
    python,
)
from hatchway.software.built_in import BUILT_IN
from hatchway.software.needs import resolve

RG = Folder("/opt/rg")


def refused(*arguments: Any, **more: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        Software(*arguments, **more)
    assert caught.value.code == "invalid_option"
    return caught.value


def test_software_is_a_value() -> None:
    one = Software("ripgrep", ("rg",), RG)
    other: Any = Software("ripgrep", ["rg"], Folder("/opt/rg"), needs=[])  # type: ignore[arg-type]
    assert one == other
    assert len({one, other}) == 1
    assert one != Software("ripgrep", ("rg",), Folder("/opt/rg2"))
    assert one != Software("ripgrep", ("rg", "rg2"), RG)
    assert one != Software("ripgrep", ("rg",), RG, needs=(node,))


@pytest.mark.parametrize(
    "name",
    ["", "Ripgrep", ".", "..", "-x", "a/b", "../a", "a b", "a\n", "a\0", "a" * 65, "é", None, 1, b"rg"],
)
def test_names_that_cannot_be_those_of_folders(name: object) -> None:
    assert "the name of a software must be" in refused(name, ("rg",), RG).message


@pytest.mark.parametrize("command", ["", "a/b", "..", "-x", "a b", "rg\n", "a\0", "é", None, 1])
def test_what_is_no_command(command: object) -> None:
    assert "cannot be a command of the software 'ripgrep'" in refused("ripgrep", (command,), RG).message


def test_one_command_is_a_tuple_of_one() -> None:
    error = refused("ripgrep", "rg", RG)
    assert error.message == "commands of the software 'ripgrep' must be a tuple, not str"
    assert error.hint == 'commands=("rg",)'
    assert "must be a tuple, not NoneType" in refused("ripgrep", None, RG).message


@pytest.mark.parametrize("source", ["/opt/rg", None, Folder, node])
def test_a_source_is_one_of_ours(source: object) -> None:
    error = refused("ripgrep", ("rg",), source)
    assert "must be HostCommands, PyPI, Npm, Folder or NodeJs" in error.message
    assert error.hint == "from hatchway.software import Folder, HostCommands, Npm, PyPI"


def test_needs_are_software() -> None:
    assert "can need other software alone, not str" in refused("x", (), RG, needs=("node",)).message
    assert "must be a tuple, not Software" in refused("x", (), RG, needs=node).message
    assert refused("x", (), RG, needs="node").hint == "needs=(node,)"


def test_a_package_names_what_runs_it() -> None:
    error = refused("serve", ("serve",), Npm("serve@14"))
    assert error.message == "the software 'serve' is made for node, which nothing that it needs brings"
    assert error.hint == "needs=(node,)"
    assert refused("black", ("black",), PyPI("black"), needs=(node,)).hint == "needs=(python,)"
    # By way of something else, and whoever brings it.
    own = Software("own-node", ("node",), Folder("/opt/node"))
    between = Software("between", (), HostCommands(), needs=(own,))
    assert Software("serve", ("serve",), Npm("serve"), needs=(between,)).needs == (between,)
    assert Software("black", ("black",), PyPI("black"), needs=(python,)).needs == (python,)


def test_what_is_needed_comes_along_before_what_needs_it() -> None:
    bottom = Software("bottom", (), HostCommands())
    middle = Software("middle", (), HostCommands(), needs=(bottom,))
    top = Software("top", (), HostCommands(), needs=(middle, bottom))
    assert resolve([top]) == (bottom, middle, top)
    assert resolve([bottom, top, middle, top]) == (bottom, middle, top)
    assert resolve([]) == ()
    serve = Software("serve", ("serve",), Npm("serve"), needs=(node,))
    assert [each.name for each in resolve([serve])] == ["node", "serve"]


def test_one_node_in_a_vm_the_newest_that_is_asked_for() -> None:
    for chosen in ([node, pi], [pi, node], [node_at_least("22.9"), pi, node], [node_at_least("22.19.0"), pi]):
        resolved = {each.name: each for each in resolve(chosen)}
        assert set(resolved) == {"node", "pi"}
        assert resolved["node"].source in (NodeJs("22.19"), NodeJs("22.19.0"))
    assert resolve([pi, node_at_least("24")])[0].source == NodeJs("24")
    assert resolve([node, node]) == (node,)


@pytest.mark.parametrize(
    "other",
    [
        Software("node", ("node",), Folder("/opt/node")),
        Software("node", ("node",), NodeJs("22")),
        Software("node", node.commands, NodeJs("22"), needs=(python,)),
    ],
)
def test_two_that_differ_cannot_have_one_name(other: Software) -> None:
    for chosen in ([node, other], [other, pi]):
        with pytest.raises(InvalidRequest) as caught:
            resolve(chosen)
        assert caught.value.code == "invalid_option"
        assert caught.value.message.startswith("two different software are named 'node'")


def test_what_comes_with_hatchway_can_be_in_one_vm() -> None:
    assert {each.name for each in resolve(BUILT_IN)} == {"common", "node", "python", "pi"}
    assert isinstance(pi.source, Npm)
    assert pi.source.wanted[0].isdigit(), "pinned"
