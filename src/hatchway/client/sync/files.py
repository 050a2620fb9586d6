# Written by tools/generate-sync-client from hatchway/client/aio/files.py.
"""The files of one VM."""

from __future__ import annotations

from hatchway.client import wire
from hatchway.client.parameters import mode_query, path_query
from hatchway.client.sync.callers_body import Body, content
from hatchway.client.sync.transport import read_answer
from hatchway.client.sync.vm_calls import VmActions


class Files(VmActions):
    """What an agent does with files. Paths are absolute, or relative to /home/user."""

    def write_file(self, path: str | bytes, data: Body, *, mode: int | None = None) -> None:
        """Write a whole file, all or nothing; its folder must exist.

        Args:
            path: absolute, or relative to /home/user.
            data: text (as UTF-8), bytes, or an iterable of bytes, which is streamed.
            mode: permission bits, such as 0o755; None: as for any new file.

        Raises:
            InvalidRequest: `invalid_path`.
        """
        query = path_query(path) + mode_query(mode)
        data = content(data)
        headers = [("Content-Type", "application/octet-stream")]

        def put(vm: str) -> None:
            with self._vm.transport.send(
                "PUT", f"{vm}/files?{query}", headers=headers, content=data
            ) as answer:
                read_answer(answer)

        self._vm.on_vm(put, replayable=isinstance(data, bytes))

    def read_file(self, path: str | bytes) -> bytes:
        """The content of a file.

        Args:
            path: absolute, or relative to /home/user.

        Raises:
            NotFound: `file_not_found`.
        """
        query = path_query(path)

        def get(vm: str) -> bytes:
            with self._vm.transport.send("GET", f"{vm}/files?{query}") as answer:
                return read_answer(answer)

        return self._vm.on_vm(get)

    def exists(self, path: str | bytes) -> bool:
        """Whether there is a file, folder or anything else at `path`."""
        query = path_query(path)
        answer = self._vm.call("GET", f"/files/exists?{query}", wire.Exists)
        return answer.exists

    def delete_file(self, path: str | bytes) -> None:
        """Delete one file.

        Raises:
            NotFound: `file_not_found`.
        """
        query = path_query(path)

        self._vm.do("DELETE", f"/files?{query}")
