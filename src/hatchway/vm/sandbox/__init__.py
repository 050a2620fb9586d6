"""The isolation: a small single-threaded process, the zygote, forks one guest per VM.

- `zygote`: serves the server's requests to make a guest; forks, attaches cgroups, writes id maps, makes
  idmapped mounts.
- `guest_init`: PID 1 of a guest: builds the root, drops privileges, then serves requests over one socket.
- `root_fs`: the mounts of a guest, in order.
- `seccomp`, `capabilities`, `cgroups`, `rlimits`: what a guest may do and use.
- `syscalls`: the kernel calls that Python's os module lacks, through ctypes.
- `wire`: messages between the server, the zygote and guests. Pure.
- `host`: what this machine offers, and what `hatchway doctor` says.
- `skeleton`: the made-up lower layer: /etc, /home/user, the merged-usr links.
- `client`: the server's side: starts the zygote, asks it for guests.

Everything the zygote and guest init need is imported before the first fork: after pivot_root an import would read files
that the guest controls. They import nothing but the standard library and this package.
"""
