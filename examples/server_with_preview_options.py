"""A server whose previews live as long as it says. Run it instead of server.py."""

from hatchway import PreviewOptions, agent_os, setup
from hatchway.software import common, node

vm = agent_os(
    software=[common, node],
    preview=PreviewOptions(
        default_expires_in_seconds=3600,  # 1 hour default
        max_expires_in_seconds=86400,  # 24 hour maximum
    ),
)

registry = setup(use={"vm": vm})

if __name__ == "__main__":
    registry.start()
