"""What a VM can run, and where it comes from: `from hatchway.software import common, node, pi`.

What users write is pure:

- `software`: `Software`, a name, commands, a source, and what it needs.
- `sources`: the sources `HostCommands`, `PyPI`, `Npm`, `Folder` and `NodeJs`.
- `built_in`: `common`, `node`, `python`, `pi`.
- `needs`: all that a choice of software needs, each once.
- `versions`: which of two dotted versions is newer.

A VM gets it in layers, folders laid out like /usr that are mounted read-only under its own /usr:

- `provider`: `SoftwareProvider`: the layers of a VM, each fetched once.
- `host_commands`: what the host's /usr has, for which there is no layer.
- `folder`: a folder of this machine, as it is.
- `npm`, `pypi`, `node_wheel`: layers from a registry, the last two by way of `pip`.
- `npm_lock`, `pip_report`: what npm and pip say that they have resolved and installed.
- `layers`, `manifest`: the cache of these.
- `trees`: what a tree of files must be like to be a layer.
- `installer`, `refusals`, `last_words`: running npm and pip; what it means when they fail; what of their words may be
  logged.
"""

from hatchway.software.built_in import common, node, node_at_least, pi, python
from hatchway.software.software import Software
from hatchway.software.sources import Folder, HostCommands, NodeJs, Npm, PyPI

__all__ = [
    "Folder",
    "HostCommands",
    "NodeJs",
    "Npm",
    "PyPI",
    "Software",
    "common",
    "node",
    "node_at_least",
    "pi",
    "python",
]
