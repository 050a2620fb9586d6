"""The `hatchway` command: one module per noun. Data goes to stdout, everything else to stderr.

- `app`: the command itself: its nouns, and how errors are told.
- `serve`, `doctor`, `exec`, `vm`, `preview`, `software`, `demo`: the nouns and verbs.
- `show_config`: what `serve --show-config` prints.
- `registry_loader`: `module:registry` as a `Registry`.
- `options`: the options that several commands have.
- `terminal`: the two streams, as rich consoles.
- `tables`: lists, by one rule for all; `qr_code`: a QR code in a terminal.
- `demo_steps`, `narrator`: what the demo does, and how it is told.
"""

from hatchway.cli.app import main

__all__ = ["main"]
