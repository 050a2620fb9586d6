"""The reference page of the Python API, from signatures and docstrings."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Serving",
        "What a server offers, and how it is started.",
        (
            "hatchway.setup",
            "hatchway.registry.Registry",
            "hatchway.agent_os",
            "hatchway.PreviewOptions",
            "hatchway.Limits",
        ),
    ),
    ("Without a server", "", ("hatchway.open_vm",)),
    (
        "Clients",
        "`Client` and its agents are synchronous twins of what is here: the same names, without `await` and `async`.",
        ("hatchway.client.AsyncClient", "hatchway.client.VmKind"),
    ),
    (
        "Agents",
        "An agent is one VM, found by its key. `client.vm.get_or_create(key)` and `open_vm` give one.",
        ("hatchway.client.Agent",),
    ),
    ("What calls return", "Frozen values.", ("hatchway.client.answers.*",)),
    ("Errors", "", ("hatchway.errors.*",)),
    ("What a VM can run", "From `hatchway.software`.", ("hatchway.software.*",)),
)
"""Heading, introduction, and what is below it; `.*` stands for all public classes of a module."""

_SECTION = re.compile(r"(Args|Returns|Raises):\n((?:[ ]{4}.*\n?|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^(\*{0,2}[\w`.]+(?: \([^)]*\))?): ", re.MULTILINE)
_ITERATOR = re.compile(r"^AsyncIterator\[(.*)\]$")
_TITLES = {"Args": "Parameters", "Returns": "Returns", "Raises": "Raises"}


def python_api(note: str) -> str:
    """The page.

    Args:
        note: the comment that says that it is generated.
    """
    lines = ["# Python API", "", note, ""]
    lines += [
        "Names are imported from `hatchway`, unless another module is named. Every error is a `HatchwayError`.",
    ]
    for heading, introduction, names in GROUPS:
        lines += ["", f"## {heading}"]
        if introduction:
            lines += ["", introduction]
        for name in names:
            for path, value in _resolve(name):
                lines += _describe(path, value)
    return "\n".join(lines) + "\n"


def _resolve(name: str) -> Iterator[tuple[str, Any]]:
    module_name, _, attribute = name.rpartition(".")
    module = importlib.import_module(module_name)
    if attribute != "*":
        yield name, getattr(module, attribute)
        return
    names = getattr(module, "__all__", None) or [
        each for each, value in vars(module).items() if _is_own_class(value, module_name)
    ]
    for each in names:
        yield f"{module_name}.{each}", getattr(module, each)


def _is_own_class(value: Any, module_name: str) -> bool:
    return inspect.isclass(value) and value.__module__ == module_name and not value.__name__.startswith("_")


def _describe(path: str, value: Any) -> Iterator[str]:
    name = path.rpartition(".")[2]
    if inspect.isclass(value):
        yield from _describe_class(name, value)
    elif callable(value) and inspect.isfunction(inspect.unwrap(value)):
        yield from ("", f"### {name}", "", *_code(_signature(name, value)))
        yield from _docstring(inspect.getdoc(value) or "")
    else:
        yield from ("", f"### {name}", "", f"`{value!r}`")
        yield from _docstring(_attribute_docstring(path))


def _describe_class(name: str, value: type) -> Iterator[str]:
    yield from ("", f"### {name}", "")
    if not issubclass(value, Exception) and "ade by" not in (inspect.getdoc(value) or ""):
        yield from _code(_signature(name, value))
    yield from _docstring(inspect.getdoc(value) or "")
    documented = _fields(value)
    if documented:
        yield from ("", *(f"- `{field}`{text}" for field, text in documented))
    for owner, heading in _owners(value):
        if heading:
            yield from ("", f"#### {heading}")
        for each, member in vars(owner).items():
            if each.startswith("_") or each in dict(documented):
                continue
            function = member.fget if isinstance(member, property) else member
            if (
                not callable(function)
                or not inspect.isfunction(inspect.unwrap(function))
                or not function.__doc__
            ):
                continue
            shown = f"{each}" if isinstance(member, property) else _signature(each, function)
            if isinstance(member, property):
                shown += f": {function.__annotations__.get('return', '')}"
            yield from ("", f"##### {name}.{each}", "", *_code(shown))
            yield from _docstring(inspect.getdoc(function) or "")


def _owners(value: type) -> Iterator[tuple[type, str]]:
    """The class, and the nouns it is made of."""
    yield value, ""
    for base in value.__mro__[1:]:
        if base.__module__.startswith("hatchway.client.aio.") and base.__name__ != "VmActions":
            yield base, base.__name__


def _fields(value: type) -> list[tuple[str, str]]:
    """A dataclass's fields or a class's annotated attributes: name with type, and what is said of it."""
    if not dataclasses.is_dataclass(value):
        return []
    said = _said_of_attributes(value)
    return [
        (field.name, f": `{field.type}`" + (f". {said[field.name]}" if field.name in said else ""))
        for field in dataclasses.fields(value)
        if not field.name.startswith("_")
    ]


def _said_of_attributes(value: type) -> dict[str, str]:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    assert isinstance(node, ast.ClassDef)
    return _strings_behind(node.body)


def _strings_behind(body: list[ast.stmt]) -> dict[str, str]:
    """The string that stands behind an assignment says what it is (as Sphinx and others read it)."""
    said = {}
    for statement, following in itertools.pairwise(body):
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign):
            target = statement.target
        else:
            continue
        if (
            isinstance(target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            said[target.id] = " ".join(following.value.value.split())
    return said


def _attribute_docstring(path: str) -> str:
    """What stands behind a module's attribute, in the module that makes it."""
    name = path.rpartition(".")[2]
    for module in list(_package_modules(path.rpartition(".")[0])):
        said = _strings_behind(ast.parse(inspect.getsource(module)).body)
        if name in said:
            return said[name]
    return ""


def _package_modules(name: str) -> Iterator[Any]:
    package = importlib.import_module(name)
    yield package
    for value in vars(package).values():
        if inspect.ismodule(value) and value.__name__.startswith(name):
            yield value


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    target = inspect.unwrap(function)
    returns, prefix = signature.return_annotation, ""
    if target is not function and inspect.isasyncgenfunction(target):  # made a context manager
        returns, prefix = _ITERATOR.sub(r"\1", returns), "async with "
    elif inspect.isasyncgenfunction(target):
        prefix = "async for … in "
    elif inspect.iscoroutinefunction(target):
        prefix = "await "
    parameters = [
        each.replace(
            annotation=_AsWritten(each.annotation) if each.annotation is not each.empty else each.empty
        )
        for each in signature.parameters.values()
        if each.name != "self"
    ]
    end = "" if returns in (signature.empty, "None") else f" -> {returns}"
    text = f"{prefix}{name}{signature.replace(parameters=parameters, return_annotation=signature.empty)}{end}"
    if len(text) <= 100:
        return text
    inside = ",\n".join(f"    {part}" for part in _parameters(parameters))
    return f"{prefix}{name}(\n{inside},\n){end}"


class _AsWritten:
    """An annotation, printed as it stands in the source."""

    def __init__(self, text: object) -> None:
        self._text = text

    def __repr__(self) -> str:
        return str(self._text)


def _parameters(parameters: list[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for each in parameters:
        if each.kind is each.VAR_POSITIONAL:
            starred = True
        if each.kind is each.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        yield str(each)


def _code(text: str) -> list[str]:
    return ["```text", text, "```"]


def _docstring(text: str) -> Iterator[str]:
    """A docstring as Markdown: its sections as lists."""
    position = 0
    for match in _SECTION.finditer(text + "\n"):
        yield from (
            ("", text[position : match.start()].strip()) if text[position : match.start()].strip() else ()
        )
        position = match.end()
        body = textwrap.dedent(match[2]).strip()
        yield from ("", f"{_TITLES[match[1]]}:", "")
        yield from _items(body)
    if text[position:].strip():
        yield from ("", text[position:].strip())


def _items(body: str) -> Iterator[str]:
    blocks: list[str] = []
    for line in body.splitlines():
        if line.startswith(" ") and blocks:
            blocks[-1] += " " + line.strip()
        elif line.strip():
            blocks.append(line.strip())
    for block in blocks:
        match = _ITEM.match(block)
        yield f"- `{match[1].strip('`')}`: {block[match.end() :]}" if match else f"- {block}"
