"""The isolation: a small single-threaded process, the zygote, forks one guest per VM.

The server's side:

- `sandbox`: what is made once per server, and guests from it.
- `client`: starts the zygote, asks it for guests.
- `channel`: the conversation with one guest; nothing a guest says is believed.
- `cgroups`: what the processes of a guest may use together.
- `disk`: a VM's folder on the host: made, and removed without following what the guest left in it.
- `disk_image`: a VM's disk in a file, of an exact size; `disk_usage`: what a folder takes.
- `id_ranges`: which host ids are a VM's. Pure.
- `skeleton`: the made-up lower layer: /etc, /home/user, the merged-usr links.
- `host`: what this machine offers, and what `hatchway doctor` says.

What runs in the zygote and in guests:

- `zygote`: forks; enters cgroups, writes id maps, makes idmapped mounts.
- `guest_init`: PID 1 of a guest: builds the root, drops privileges, then serves requests over one socket.
- `guest_files`: the file requests that it serves, and `guest_paths`: where their paths lead; `guest_processes`: what it
  tells of processes; `guest_freezer`: how it stops all of them; `guest_ports`: which ports they listen on, as
  the kernel says by `sock_diag`;
  `guest_terminal`: the terminals it opens.
- `guest_worker`: its children, which do what takes long: `guest_transfers`, with `guest_trees` and `globs` (pure).
- `frames`: what those say. Pure. `descriptors`: which fds a process keeps.
- `root_fs`: the mounts of a guest, in order; `image_mount`: that of its disk, where it has an image.
- `seccomp`, `capabilities`, `rlimits`: what a guest may do and use.
- `syscalls`: the kernel calls that Python's os module lacks, through ctypes.
- `wire`: messages between the server, the zygote and guests.

Everything the zygote and guest init need is imported before the first fork: after pivot_root an import would read files
that the guest controls. They import nothing but the standard library, this package and `hatchway.archive`.
"""
