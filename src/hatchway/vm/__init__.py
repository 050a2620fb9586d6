"""VMs: an isolated file system, process tree and network stack per key.

- `key`: the key that names a VM. Pure.
- `manager`: VMs by key and id: get or create, wake on use, put to sleep, destroy.
- `disk_care`: the VMs' disks: measured, kept from filling the host, rid of what nobody owns. `disk_policy`: which VMs
  have to stop writing (pure); `garbage`: what nobody owns.
- `machine_supply`: where their machines come from: booted, or out of the `ready_pool`, where VMs wait for the next that
  is made.
- `states`: the states of a VM, as a table. Pure. `life`: one VM going from one to the next; `idle_watch`: who has not
  been used for long; `traffic`: what that depends on outside.
- `supervisor`: the declared services of one VM: `service_spec`: what each is; `managed_service`: one that is kept
  running, by its `restart_policy` (pure), once `readiness` says that it is ready; `service_log`: what it wrote.
- `machine`: one running VM and what can be asked of it: the conversation with its guest init.
- `machine_files`: its part about files. `files`: reading and writing them inside the VM's view; `file_tree`: what is
  where, and making, moving and deleting it; `file_listing`, `file_archive`: whole folders, listed, packed and unpacked.
- `guest_stream`: what a worker of a guest says while it does what takes long.
- `processes`: those that the server has started in a VM; `process`: one of them; `arguments`: what they start with.
- `output`: the pipes of their output, and a command's as it comes; `followed_output`: a spawned one's, kept in an
  `output_log` (pure) and followed by any number; `output_share`: how much of it all is read in a while; `input`:
  standard input; `tail`: the end of a stream as text. Pure.
- `shells`: programs on terminals that the server has opened in a VM; `shell`: one of them.
- `system_processes`: every process in a VM, whoever started it; `process_tree`: who started whom (pure). `ports`: those
  that are listened on; `port_watch`: tells when one begins or ceases to be.
- `dial`: sockets to the services inside; `waiting_room`: who waits for a service that is just starting, with one
  `port_probe` for each port; `port_wait`: who waits and who is refused. Pure.
- `guest_errors`: what a guest's refusal means to the user who asked. Pure.
- `records`: what is said about VMs, processes and previews across packages. Pure.
- `event_log`: what has happened in a VM, kept for a while and followed by any number.
- `cron_schedule`: when the times of a cron schedule are; `cron_job`: what runs then, and whether it may. Pure.
- `background`: work that nobody waits for.
- `sandbox`: the isolation itself: zygote, guest init, mounts, seccomp, cgroups.

The kernel is shared with the host; everything else a guest can see is its own.
"""
