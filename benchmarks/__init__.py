"""Measurements, each beside something real in the same run: `make bench`.

- `virtual_machines`: cold start, exec and memory, beside processes outside a VM.
- `gateway_vs_nginx`: requests and bytes per second, beside nginx.
- `mint_previews`: durable mints and look-ups, beside one caller and an empty table.
- `table`: what a measurement is, and how it is printed.
"""
