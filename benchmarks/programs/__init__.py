"""Programs that benchmarks run as processes of their own. Each prints a line with the port it listens on, and runs
until it is ended.

- `gateway`: Hatchway's gateway with its in-memory backend.
- `aiohttp_proxy`: a plain streaming reverse proxy made of aiohttp.
- `discard`: reads request bodies and throws them away.
- `echo`: WebSocket echo of small messages, with as little work as can be.
- `library_echo`: WebSocket echo made of the websockets library.
- `events`: server-sent events, the first one at once.
"""
