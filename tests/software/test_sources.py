from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import InvalidRequest
from hatchway.software import Folder, HostCommands, NodeJs, Npm, PyPI


def refused(make: Callable[[Any], object], value: object) -> str:
    with pytest.raises(InvalidRequest) as caught:
        make(value)
    assert caught.value.code == "invalid_option"
    return caught.value.message


@pytest.mark.parametrize(
    ("package", "name", "wanted"),
    [
        ("serve", "serve", "latest"),
        ("serve@14", "serve", "14"),
        ("serve@14.2.4", "serve", "14.2.4"),
        ("serve@^14.2", "serve", "^14.2"),
        ("serve@~1.2.x", "serve", "~1.2.x"),
        ("serve@>=1 <3", "serve", ">=1 <3"),
        ("serve@1 - 2.3 || ^4.0.0-rc.1+build.5", "serve", "1 - 2.3 || ^4.0.0-rc.1+build.5"),
        ("serve@*", "serve", "*"),
        ("serve@next", "serve", "next"),
        ("@scope/a.b_c@^0.73", "@scope/a.b_c", "^0.73"),
        ("@scope/name", "@scope/name", "latest"),
        ("JSONStream@1", "JSONStream", "1"),
    ],
)
def test_packages_of_npm(package: str, name: str, wanted: str) -> None:
    source = Npm(package)
    assert (source.name, source.wanted, source.label) == (name, wanted, f"npm {package}")


@pytest.mark.parametrize(
    "package",
    [
        "",
        " serve",
        "serve ",
        "serve\n",
        "--global",
        "-g",
        "serve --global",
        "serve@",
        "serve@--tag",
        "./serve",
        "../../etc",
        "/etc/passwd",
        "~/serve",
        "serve@./local",
        "serve@..",
        "serve@.5",
        "serve@file.tgz",
        "serve@file:../x",
        "serve@npm:other@1",
        "serve@https://example.org/x.tgz",
        "serve@git+ssh://git@example.org/x",
        "someone/repository",
        "serve@someone/repository",
        "@scope",
        "@scope/",
        "@../x",
        "@scope/../x",
        "a" * 300,
        "serve@1;touch x",
        "serve@$(id)",
        "serve@1\x00",
        "sérve",
        None,
        7,
        b"serve",
    ],
)
def test_what_is_no_package_of_npm(package: object) -> None:
    message = refused(Npm, package)
    assert message.startswith('an npm package must be a name and a version, such as "serve@14", not ')


@pytest.mark.parametrize(
    "requirement",
    [
        "black",
        "black==25.1.0",
        "black == 25.1.0",
        "httpx[http2]>=0.28,<1",
        "httpx[http2, socks] >= 0.28, != 0.29",
        "zope.interface~=7.0",
        "a",
        "torch==2.5.1+cpu",
        "x==1!2.0.post1",
        "x==1.*",
        "Foo_Bar-baz.qux",
    ],
)
def test_requirements_of_pypi(requirement: str) -> None:
    assert PyPI(requirement).label == f"PyPI {requirement}"


@pytest.mark.parametrize(
    "requirement",
    [
        "",
        "-r requirements.txt",
        "--index-url=x",
        "black --pre",
        "black @ https://example.org/x.whl",
        "https://example.org/x.whl",
        "git+https://example.org/x",
        "./black",
        "..",
        "black; python_version < '3'",
        "black==1.0 --hash=sha256:00",
        "black\n",
        "black==",
        "black==-1",
        "[extra]",
        "black[",
        "black[]",
        "black\x00",
        "blåck",
        None,
        3,
    ],
)
def test_what_is_no_requirement_of_pypi(requirement: object) -> None:
    message = refused(PyPI, requirement)
    assert message.startswith(
        'a PyPI requirement must be a name and a version, such as "black==25.1.0", not '
    )


@given(st.text(max_size=30))
def test_whatever_is_taken_is_no_option_path_or_address(text: str) -> None:
    makers: tuple[Callable[[str], object], ...] = (Npm, PyPI)
    for make in makers:
        try:
            make(text)
        except InvalidRequest:
            continue
        assert re.match(r"[@A-Za-z0-9]", text)
        assert ":" not in text
        assert ".." not in text.replace(" ", "").partition("@")[0] or "/" not in text
        assert text.isprintable()
        assert text.isascii()


@pytest.mark.parametrize("path", ["/opt/rg", Path("/opt/rg"), "/opt/x/../rg/"])
def test_folders(path: str | Path) -> None:
    assert Folder(path).path == Path(path)
    assert Folder("~/rg").path == Path.home() / "rg"
    assert Folder("/opt/rg") == Folder(Path("/opt/rg"))
    assert Folder("/opt/rg").label == "folder /opt/rg"


@pytest.mark.parametrize("path", ["", "rg", "./rg", "/a\0b", None, 5, b"/opt/rg"])
def test_what_is_no_folder(path: object) -> None:
    assert refused(Folder, path).startswith("a folder of software must be an absolute path, not ")


@pytest.mark.parametrize("packages", [["rg"], "rg", {"rg": 1}, {1: "rg"}])
def test_packages_of_host_commands_are_names_by_command(packages: object) -> None:
    assert "the name of a package by each command" in refused(HostCommands, packages)


def test_sources_are_values() -> None:
    packages = {"rg": "ripgrep"}
    source = HostCommands(packages)
    packages["rg"] = "changed"
    assert source == HostCommands({"rg": "ripgrep"})
    assert len({source, HostCommands({"rg": "ripgrep"}), HostCommands({"fd": "fd-find"})}) == 2
    assert source.label == "host"
    assert NodeJs("22.19") != NodeJs()
    assert (NodeJs("22.19").label, NodeJs().label) == ("Node.js 22.19 or later", "Node.js")


@pytest.mark.parametrize("version", ["v22", "22.x", ">=22", "lts", 22, None])
def test_the_least_version_of_node_is_numbers_and_dots(version: object) -> None:
    assert refused(NodeJs, version).startswith("the version of Node.js must be numbers and dots")
