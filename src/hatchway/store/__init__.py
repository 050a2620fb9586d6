"""What must outlive the process: SQLite in WAL mode, written by one thread.

- `schema`: the tables, as numbered migrations applied in order.
- `database`: the writer thread: group commit, `synchronous=FULL`; a call returns once its transaction is on disk.
- `vms`: VMs by key, their uid slot, their end.
- `previews`: grants by token digest: mint, resolve, expire, sweep.
- `store`: opens all of it on a data directory and locks that against a second server.

Nothing of sqlite3 crosses this package's surface. No token is stored, only its SHA-256.
"""
