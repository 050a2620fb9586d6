"""What a VM can run, and where it comes from: `from hatchway.software import common, node`.

- `layer`: `Software`, and `provide`: the folder that a VM's /usr gets on top of the host's, if any.
- `host_commands`: what the host's /usr has; `common` and `python` come from there and nowhere else.
- `node_wheel`: `node`: from the host, or else unpacked from a wheel.

Further software is one more module here with one `Software` value in it.
"""

from hatchway.software.host_commands import common, python
from hatchway.software.layer import Software, provide
from hatchway.software.node_wheel import node

__all__ = ["Software", "common", "node", "provide", "python"]
