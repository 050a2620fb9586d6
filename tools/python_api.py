"""The reference page of the Python API, from signatures and docstrings."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from docstrings import as_markdown, said_of_attributes, strings_behind

from hatchway.errors import HatchwayError
from hatchway.software import Software

GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Serving",
        "What a server offers, and how it is started. [Configuration](configuration.md) lists the settings.",
        (
            "hatchway.setup",
            "hatchway.Registry",
            "hatchway.agent_os",
            "hatchway.VmOptions",
            "hatchway.PreviewOptions",
            "hatchway.Limits",
            "hatchway.IdleOptions",
        ),
    ),
    ("Without a server", "", ("hatchway.open_vm",)),
    (
        "Clients",
        (
            "`create_client` is another name of `AsyncClient`. `Client` is its synchronous twin, and `SyncVmKind`, "
            "`SyncAgent`, `SyncProcess`, `SyncShell` and `SyncEvents` are those of what it gives: the same names, "
            "parameters and errors without `await` and `async`, with ordinary iterables in place of asynchronous "
            "ones, and `close` for `aclose`."
        ),
        ("hatchway.AsyncClient", "hatchway.client.VmKind"),
    ),
    (
        "Agents",
        "An agent is one VM, found by its key. `client.vm.get_or_create(key)` and `open_vm` give one.",
        ("hatchway.Agent",),
    ),
    (
        "Spawned processes",
        "`agent.spawn(…)` and `agent.process(pid)` give one.",
        ("hatchway.client.Process",),
    ),
    ("Open shells", "`agent.open_shell(…)` gives one.", ("hatchway.client.Shell",)),
    ("Following a VM", "`agent.events(…)` gives it.", ("hatchway.client.Events",)),
    (
        "What calls return",
        "Frozen values.",
        (
            "hatchway.client.answers.*",
            "hatchway.client.file_answers.*",
            "hatchway.client.disk_answers.*",
            "hatchway.client.process_answers.*",
            "hatchway.client.port_answers.*",
            "hatchway.client.service_answers.*",
            "hatchway.client.cron_answers.*",
            "hatchway.client.event_answers.*",
        ),
    ),
    (
        "Types in signatures",
        "Names for what is given and returned.",
        (
            "hatchway.client.aio.callers_body.Body",
            "hatchway.client.fetch_request.HeadersLike",
            "hatchway.client.aio.transfer.Progress",
            "hatchway.preview.grant.CorsMode",
            "hatchway.client.file_answers.FileType",
            "hatchway.client.disk_answers.GarbageKind",
            "hatchway.client.process_answers.StreamName",
            "hatchway.client.process_answers.SystemProcessState",
            "hatchway.vm.cron_job.Overlap",
        ),
    ),
    (
        "Errors",
        "Each is a `HatchwayError`. Subclasses are there only where a caller would act differently.",
        ("hatchway.errors.*",),
    ),
    (
        "What a VM can run",
        "From `hatchway.software`. [Software](software.md) is about choosing and adding it.",
        ("hatchway.software.*",),
    ),
)
"""Heading, introduction, and what is below it; `.*` stands for all public classes of a module."""

_ITERATOR = re.compile(r"^Async(?:Iterator|Generator)\[(.*?)(?:, None)?\]$")
_LINE = 100


def python_api(note: str) -> str:
    """The page.

    Args:
        note: the comment that says that it is generated.
    """
    lines = ["# Python API", "", note, ""]
    lines += [
        "Names are imported from `hatchway` where it has them, and else from the package that is named."
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
    kind = "" if not inspect.isclass(value) else "exception " if issubclass(value, Exception) else "class "
    yield from ("", f"### {kind}{name}")
    if inspect.isclass(value):
        yield from _describe_class(name, value)
    elif inspect.isroutine(value):
        yield from _code(_signature(name, value))
        yield from as_markdown(inspect.getdoc(value) or "")
    else:
        source, said = _assignment(path)
        yield from as_markdown(said)
        if isinstance(value, Software):
            commands = ", ".join(f"`{command}`" for command in value.commands)
            yield from ("", f"Commands: {commands}. From: {value.source.label}.")
        else:
            yield from _code(f"{name} = {source}")


def _describe_class(name: str, value: type) -> Iterator[str]:
    documentation = inspect.getdoc(value) or ""
    if issubclass(value, HatchwayError):
        yield from ("", f"HTTP status: {value.status or 'none, since there was no answer'}.")
    elif "ade by" not in documentation:
        yield from _code(_signature(name, value))
    yield from as_markdown(documentation)
    fields = _fields(value)
    if fields:
        yield from ("", "Attributes:", "", *(f"- `{field}`{said}" for field, said in fields.items()))
    owners = list(_owners(value))
    level = "#####" if any(noun for _, noun in owners) else "####"
    for owner, noun in owners:
        if noun:
            yield from ("", f"#### {noun}")
        for each, member in vars(owner).items():
            if not each.startswith("_") and each not in fields:
                yield from _describe_member(level, name, each, member)


def _describe_member(level: str, owner: str, name: str, member: Any) -> Iterator[str]:
    function = member.fget if isinstance(member, property) else member
    if not callable(function) or not inspect.isfunction(inspect.unwrap(function)) or not function.__doc__:
        return
    shown = (
        f"{name}: {function.__annotations__['return']}"
        if isinstance(member, property)
        else _signature(name, function)
    )
    yield from ("", f"{level} {owner}.{name}", *_code(shown))
    yield from as_markdown(inspect.getdoc(function) or "")


def _owners(value: type) -> Iterator[tuple[type, str]]:
    """The class, and the nouns it is made of."""
    yield value, ""
    for base in value.__mro__[1:]:
        if base.__module__.startswith("hatchway.client.aio.") and base.__name__ != "VmActions":
            yield base, base.__name__


def _fields(value: type) -> dict[str, str]:
    """A dataclass's fields, with type and what is said of them; of another class, the attributes that say something."""
    if issubclass(value, HatchwayError):
        return {}  # its parameters say it
    said = said_of_attributes(value)
    if not dataclasses.is_dataclass(value):
        return {name: f": {text}" for name, text in said.items() if not name.startswith("_")}
    return {
        field.name: f": `{field.type}`" + (f". {said[field.name]}" if field.name in said else "")
        for field in dataclasses.fields(value)
        if not field.name.startswith("_")
    }


def _assignment(path: str) -> tuple[str, str]:
    """What a module's attribute is made by, and what is said behind it, in the module that makes it."""
    module_name, _, name = path.rpartition(".")
    for module in _package_modules(module_name):
        body = ast.parse(inspect.getsource(module)).body
        for statement in body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
                return ast.unparse(statement.value), strings_behind(body).get(name, "")
    raise LookupError(path)


def _package_modules(name: str) -> Iterator[Any]:
    package = importlib.import_module(name)
    yield package
    for value in list(vars(package).values()):
        if inspect.ismodule(value) and value.__name__.startswith(name):
            yield value


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    target = inspect.unwrap(function)
    returns, prefix = signature.return_annotation, ""
    if target is not function and inspect.isasyncgenfunction(target):  # made a context manager
        returns, prefix = _ITERATOR.sub(r"\1", returns), "async with "
    elif inspect.isasyncgenfunction(target):
        returns, prefix = _ITERATOR.sub(r"\1", returns), "async for … in "
    elif inspect.iscoroutinefunction(target):
        prefix = "await "
    parameters = [
        each.replace(
            annotation=_AsWritten(each.annotation) if each.annotation is not each.empty else each.empty
        )
        for each in signature.parameters.values()
        if each.name != "self"
    ]
    end = "" if returns in (signature.empty, "None") or inspect.isclass(function) else f" -> {returns}"
    text = f"{prefix}{name}{signature.replace(parameters=parameters, return_annotation=signature.empty)}{end}"
    if len(text) <= _LINE:
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
    return ["", "```text", text, "```"]
