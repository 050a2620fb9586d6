"""The client: `create_client(url).vm.get_or_create(key)` gives an agent; its methods are the seed's calls.

- `client`: `AsyncClient`, and the names of VM kinds as its attributes.
- `agent`: one VM by key: files, processes, `vm_fetch`, previews.
- `transport`: the one place that speaks HTTP (httpx) and turns its troubles into `HatchwayError`s.
- `answers`: what calls return.
"""
