"""A server with one kind of VM. Run it, then the other examples: python examples/server.py"""

from hatchway import agent_os, setup
from hatchway.software import common, node

vm = agent_os(software=[common, node])

registry = setup(use={"vm": vm})

if __name__ == "__main__":
    registry.start()  # blocks; http://localhost:6420
