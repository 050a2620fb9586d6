"""A server: the store, the VM manager, the control API and the gateway, put together.

- `server`: starts them in order, stops them in reverse; signals.
- `backend`: the gateway's seam, answered by the store and the VM manager.
- `sweeper`: what runs on a timer: expired previews.
- `services`: the control API's operations, answered by the same two; `life_actions`, `port_actions`,
  `service_actions`, `shell_actions`: parts of it.
- `disk_actions`: its part about disks; `offline_gc`: garbage collection where no server runs.
- `cron`: runs cron jobs when their time comes; `cron_run`: one run; `cron_actions`: its part of `services`.
- `control`: the control API's own server, on a UNIX socket.
- `settings`: where it listens, how it is reached, where its data is.
- `setting_table`: every setting, once; `setting_keywords`: the same for type checkers; `given_settings`: what each may
  be; `configuration`: its layers.
- `public_url`: where visitors reach it, if that is not where it listens.
- `file_limit`: as many open connections as the system allows.
"""
