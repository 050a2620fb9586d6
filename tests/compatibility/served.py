"""What the server of the matrix offers: `hatchway serve compatibility.served:registry`."""

from __future__ import annotations

from compatibility.packages import locked_packages
from hatchway import agent_os, setup
from hatchway.software import common

registry = setup(use={"vm": agent_os(software=[common, locked_packages])})
