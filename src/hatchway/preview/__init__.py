"""What a preview is, without any I/O: tokens, grants, addresses, and the decision to allow or deny.

- `token`: make one, recognise one, digest one. The digest is all that is ever stored; its beginning is a preview's id.
- `grant`: what a token stands for, the validation of what a preview is made of, and the decision at a given time.
- `address`: the three addresses of one grant (host, path, header): parse and print them.

No clock, socket or database is touched here: time comes in as a parameter.
"""
