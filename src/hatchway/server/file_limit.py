"""The limit on open files of the server's own process: each connection is one, and so is each VM's."""

from __future__ import annotations

import resource

ENOUGH = 1 << 20
"""What is asked for where the system sets no bound worth the name: some programs walk through all possible fds."""


def raise_file_limit() -> None:
    """Allow this process as many open files as it may allow itself (the soft limit of `RLIMIT_NOFILE`, getrlimit(2)).

    The soft limit is kept low, usually 1,024, for programs that use select(2), which this is none of. Guests have a
    limit of their own, which sets the hard one too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        pass  # a sandbox around this process may forbid it: fewer connections are no reason not to serve
