"""What must outlive the process: SQLite in WAL mode, written by one thread.

- `schema`: the tables, as numbered migrations applied in order.
- `worker`: a thread that owns one connection, and the way between it and the event loop.
- `database`: the writer with group commit and `synchronous=FULL`, and the reader beside it; a write returns
  once its transaction is on disk.
- `failures`: what sqlite3 and the disk can fail with, as our errors. Pure.
- `vms`: VMs by key, their uid slot, their end.
- `services`: the declared services of each VM. `cron`: its cron jobs, and what came of them.
- `previews`: grants by token digest: mint, resolve, list, renew, expire, sweep.
- `preview_rows`: the rows of previews, and the statements on them.
- `grant_cache`: what is known about tokens without asking the database. Pure.
- `store`: opens all of it on a data directory and locks that against a second server.

Nothing of sqlite3 crosses this package's surface. No token is stored, only its SHA-256.
"""
