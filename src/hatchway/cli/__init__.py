"""The `hatchway` command: one module per noun or verb. Data goes to stdout, everything else to stderr.

- `app`: the command itself: its nouns, and how errors are told.
- `serve`, `doctor`, `software`, `vm` with `vm_states`, `service`, `preview`, `demo`: a server, its VMs, their declared
  services and previews.
- `cron`: commands that run in a VM at set times; `gc`: what nobody owns any more.
- `exec`, `spawn`, `ps`, `output`, `kill`: processes in a VM; `shell`: a terminal in one, with `raw_terminal` and
  `escape`; `events`: what happens in it; `ls`, `cat`, `cp`, `mkdir`, `mv`, `rm`: its files; `fetch`: its services;
  `ports`: where they listen.
- `show_config`: what `serve --show-config` prints.
- `registry_loader`: `module:registry` as a `Registry`.
- `options`: the options that several commands have; `running`: their work, until it ends or a signal comes; `each`: the
  same to several things.
- `terminal`: the two streams, as rich consoles; `streams`: all three, as bytes.
- `tables`: lists, by one rule for all; `sizes`: numbers of bytes; `qr_code`: a QR code in a terminal; `progress`: a
  bar.
- `locations`: `KEY:PATH` and other paths; `vm_paths`, `local_files`: what is there, and goes there; `request_data`: the
  headers and the body that `fetch` sends.
- `shells`, `completion`: completing words in the user's shell.
- `demo_steps`, `narrator`: what the demo does, and how it is told.
"""

from hatchway.cli.app import main

__all__ = ["main"]
