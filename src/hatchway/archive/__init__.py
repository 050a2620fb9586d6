"""Folders as tar archives, both ways: what a VM packs the client unpacks, and the other way round.

- `member`: one entry of an archive, and what is wrong with a bad one. Pure.
- `names`: the names in archives, and where links may lead. Pure.
- `writer`: entries as the bytes of an archive. Pure.
- `reader`: the bytes of an archive, in any pieces, as entries. Pure.
- `descent`: a folder's entries, found without following a link.
- `pack`: a folder as the bytes of an archive.
- `unpack`: entries into a folder, which they cannot leave.

The format is the pax interchange format of POSIX (pax(1p)); what GNU tar and old tars write is read too. The
standard library's `tarfile` reads from a file and would have to wait for it; these take pieces as they come, from
whatever brings them, so they serve in a guest, beside an event loop and without one. The tests hold them against
`tarfile`.

Guest init forks workers that use this package: it imports nothing but the standard library and `hatchway.errors`.
"""
