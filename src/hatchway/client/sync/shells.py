# Written by tools/generate-sync-client from hatchway/client/aio/shells.py.
"""Shells: programs on a terminal inside the VM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType

from hatchway.client import shell_wire, wire
from hatchway.client.event_answers import Event, ShellInfo, shell_lost
from hatchway.client.event_stream import resize_action, write_action
from hatchway.client.parameters import body_bytes, shell_body
from hatchway.client.sync.events import RECONNECT_SECONDS, SyncEvents
from hatchway.client.sync.transport import read_answer
from hatchway.client.sync.vm_calls import VmActions, VmCalls
from hatchway.errors import InvalidRequest, NotFound

_KINDS = ("shell_data", "shell_exit")
_PIECE_BYTES = 64 * 1024
"""How much is typed by one message."""


class SyncShell:
    """An open shell. Made by `open_shell`; use it in `with`, which closes it, and iterate over what it prints.

    Args:
        vm: the VM.
        events: of that VM, open since before the shell was.
        shell_id: the shell.
    """

    def __init__(self, vm: VmCalls, events: SyncEvents, shell_id: str) -> None:
        self._vm = vm
        self._events = events
        self._path = f"{events.place}/shells"
        self.shell_id = shell_id
        self.exit_code: int | None = None
        """Once it has ended and that was read: its exit code; 128 plus the signal's number if a signal ended it."""
        self.missed_events = 0
        """How many events were lost because this side was too slow; what was printed may be among them."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shell_id={self.shell_id!r})"

    def __enter__(self) -> SyncShell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> SyncShell:
        return self

    def __next__(self) -> bytes:
        """What it prints next. Ends when the shell has; then `exit_code` is there."""
        while self.exit_code is None:
            message = self._events.next()
            if message is None:
                if self._events.closed:
                    break
                raise shell_lost()  # its VM was destroyed
            if not isinstance(message, Event):
                if message.shell_id == self.shell_id and message.error.code == "shell_busy":
                    raise message.error.error(InvalidRequest)
            elif message.kind == "missed":
                self._look(message["count"])
            elif message.fields.get("shell_id") == self.shell_id:
                if message.kind == "shell_data":
                    return message.data
                self._ended(message["exit_code"], message["signal"])
        raise StopIteration

    def write(self, data: str | bytes) -> None:
        """Type. What was typed just before the connection broke may be lost.

        Args:
            data: text (as UTF-8) or bytes, control characters included: `"\\x03"` is Ctrl-C.

        Raises:
            InvalidRequest: `invalid_body`. If the shell reads too little of what is typed, `shell_busy` is raised where
                it is iterated over.
        """
        given = body_bytes(data)
        if given is None:
            raise InvalidRequest("invalid_body", "what is typed must be text or bytes")
        for start in range(0, len(given), _PIECE_BYTES):
            self._events.send(write_action(self.shell_id, given[start : start + _PIECE_BYTES]))

    def resize(self, cols: int, rows: int) -> None:
        """Give its terminal another size, in characters.

        Raises:
            InvalidRequest: `invalid_size`.
        """
        self._events.send(resize_action(self.shell_id, cols, rows))

    def close(self) -> None:
        """End it (SIGHUP, and SIGKILL if it takes too long), and wait until it has. May be called again."""
        try:
            with self._vm.transport.send("DELETE", f"{self._path}/{self.shell_id}") as answer:
                read_answer(answer)
        except NotFound:
            pass  # it has ended
        finally:
            self._events.close()

    def _look(self, missed: int | None) -> None:
        """Events were lost: its end may be among them."""
        self.missed_events += missed or 0
        answer = self._vm.transport.call("GET", self._path, shell_wire.Shells)
        for shell in answer.shells:
            if shell.shell_id == self.shell_id:
                if shell.state == "exited":
                    self._ended(shell.exit_code, shell.signal)
                return
        raise shell_lost()

    def _ended(self, exit_code: int | None, signal: int | None) -> None:
        self.exit_code = wire.shell_exit_code(exit_code, signal)


class Shells(VmActions):
    """What an agent does with shells."""

    def open_shell(
        self,
        command: str | None = None,
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        cols: int = 80,
        rows: int = 24,
        reconnect_seconds: float = RECONNECT_SECONDS,
    ) -> SyncShell:
        """Open a shell: a program on a terminal of its own. Until it ends the VM stays awake. `TERM` is xterm-256color.

        Args:
            command: the program; by default bash, or /bin/sh where the VM has none.
            args: its arguments.
            env: added to the VM's own environment.
            cwd: the working directory; by default /home/user.
            cols: the width of its terminal, in characters.
            rows: its height.
            reconnect_seconds: how long the server may be away while the shell is used.

        Raises:
            InvalidRequest: `invalid_size`, `invalid_command` and others.
            NotFound: `command_not_found`, `cwd_not_found`.
            Conflict: `too_many_shells`.
        """
        body = shell_body(command, args, env, cwd, cols, rows)
        events = SyncEvents(self._vm, None, _KINDS, follow=True, reconnect_seconds=reconnect_seconds)
        try:
            events.open()
            answer = self._vm.transport.call(
                "POST", f"{events.place}/shells", shell_wire.OpenedShell, body=body
            )
        except BaseException:
            events.close()
            raise
        return SyncShell(self._vm, events, answer.shell_id)

    def list_shells(self) -> list[ShellInfo]:
        """The shells of the VM, those included that have ended since it woke. Does not wake it."""
        answer = self._vm.call("GET", "/shells", shell_wire.Shells)
        return [shell.public() for shell in answer.shells]
