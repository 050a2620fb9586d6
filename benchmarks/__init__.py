"""Measurements, each beside something real in the same run: `make bench`.

- `virtual_machines`: cold start, exec and memory, beside processes outside a VM.
- `life_of_a_vm`: waking a VM, and making one of those that wait ready, beside a running one and one that boots.
- `many_vms`: making, using and destroying 1,000 of one server, the last beside the first.
- `small_requests`: small GET, beside nginx, aiohttp and no proxy.
- `new_connections`: connect, GET, close, beside nginx.
- `large_bodies`: 100 MB down and up, beside nginx.
- `websocket_round_trip`: a message there and back, beside no proxy and nginx.
- `first_event`: from a request to the first event of a stream, beside nginx and no proxy.
- `idle_connections`: memory of 10,000 of them, beside nginx.
- `end_of_a_grant`: from the revocation of a preview to the end of the last of its 1,000 streams.
- `mint_previews`: durable mints and look-ups, beside one caller and an empty table.

What they are made of:

- `table`: what a measurement is, and how it is printed.
- `rounds`: how samples are taken and summed up.
- `proxies`: the gateway, nginx and aiohttp as processes, and what they use; `programs`: the other processes.
- `load`: load by wrk, with the scripts in `wrk/`.
- `server`: a real server as a process; `streams`: many live streams through it, with `services/` in its VM.
"""
