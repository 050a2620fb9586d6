"""The blocks of the page compile, and ask a server for what they show."""

from __future__ import annotations

import pytest

from rivet import snippets
from rivet.canned_server import BY_NAME, MADE, place, serving
from rivet.npm_client import Installed


@pytest.mark.parametrize("name", snippets.CLIENTS)
async def test_a_block_compiles_and_loses_nothing_but_its_types(name: str, npm_client: Installed) -> None:
    source = snippets.text(name)
    without = source.replace('import type { registry } from "./server";', "").replace("<typeof registry>", "")
    assert (await snippets.compiled(source, npm_client.folder)).split() == without.split()


def test_every_block_is_there() -> None:
    found = {path.stem for path in snippets.FOLDER.iterdir()}
    assert found == {*snippets.CLIENTS, *snippets.SERVERS}


async def test_a_block_runs_to_its_end(npm_client: Installed) -> None:
    # The blocks name no encoding, and so it is the client's own: a version and CBOR, with the length before it.
    version = b"\4\0" if npm_client.version == BY_NAME else b"\3\0"
    preview, nothing = b"\xa1etokencabc", b"\xf7"
    answers = {
        "PUT /actors": MADE,
        f"POST {place(npm_client, 'action/createSignedPreviewUrl')}": (200, version + b"\x0b" + preview),
        f"POST {place(npm_client, 'action/expireSignedPreviewUrl')}": (200, version + b"\x01" + nothing),
    }
    async with serving(answers) as server:
        code, stdout, stderr = await snippets.run("revoke_preview", npm_client.folder, server.url)
        assert code == 0, stderr
        assert (stdout, stderr) == ("", "")
        assert [each.body for each in server.seen if "/action/" in each.target] == [
            version + b"\x04\x81\x19\x0b\xb8",
            version + b"\x05\x81cabc",
        ]


async def test_a_block_that_fails_says_so(npm_client: Installed) -> None:
    error = {"group": "auth", "code": "denied", "message": "who are you?"}
    action = f"POST {place(npm_client, 'action/createSignedPreviewUrl')}"
    async with serving({"PUT /actors": (401, error), action: (401, error)}) as server:
        code, stdout, stderr = await snippets.run("revoke_preview", npm_client.folder, server.url)
    assert code == 1
    assert "undefined" not in stdout
    assert "who are you?" in stderr
