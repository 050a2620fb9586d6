"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import settings

# No example has a deadline: on a busy machine it would fail a test that says nothing about time.
settings.register_profile("hatchway", deadline=None)
settings.load_profile("hatchway")

# In the background, or under nohup, a shell has signals ignored, and so would all that the tests start and signal.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)
