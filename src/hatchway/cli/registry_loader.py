"""`module:registry` as a `Registry`."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

from hatchway.errors import InvalidRequest
from hatchway.registry import Registry, agent_os, setup
from hatchway.software import common, node


def default_registry() -> Registry:
    """What is served where nobody says otherwise: one kind, `vm`, with a shell and Node.js."""
    return setup(use={"vm": agent_os(software=[common, node])})


def load_registry(text: str) -> Registry:
    """The registry that `text` names, imported from the current directory or wherever Python finds it.

    Args:
        text: `module:name`, such as `server:registry`.

    Raises:
        InvalidRequest: `invalid_registry`, saying what is wrong and where.
    """
    module_name, _, name = text.partition(":")
    if not name or not all(part.isidentifier() for part in [*module_name.split("."), name]):
        hint = "for registry in server.py: hatchway serve server:registry"
        raise InvalidRequest("invalid_registry", f"{text!r} is not of the form module:registry", hint)
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = _import(module_name)
    try:
        registry = getattr(module, name)
    except AttributeError:
        named = [key for key, value in vars(module).items() if isinstance(value, Registry)]
        hint = f"hatchway serve {module_name}:{named[0]}" if named else f"{name} = setup(use={{…}})"
        raise InvalidRequest("invalid_registry", f"the module {module_name} has no {name!r}", hint) from None
    if not isinstance(registry, Registry):
        raise InvalidRequest(
            "invalid_registry",
            f"{text} is {type(registry).__name__}, not a registry",
            f"{name} = setup(use={{…}})",
        )
    return registry


def _import(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A module that the user's own module wants is another matter than that one itself.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _failed(name, error) from None
        raise InvalidRequest(
            "invalid_registry", f"there is no module {name!r}", "run it in the folder that holds the module"
        ) from None
    except Exception as error:  # noqa: BLE001 - the user's own code can raise anything
        raise _failed(name, error) from None


def _failed(name: str, error: Exception) -> InvalidRequest:
    if isinstance(error, SyntaxError):
        file, line = error.filename, error.lineno
    else:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        file, line = frame.filename, frame.lineno
    where = f"{os.path.basename(file or '?')}, line {line}"
    what = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    return InvalidRequest("invalid_registry", f"importing {name} failed: {what}", f"see {where}")
