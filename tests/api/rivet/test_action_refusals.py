"""What each action refuses."""

from __future__ import annotations

from typing import Any

import pytest

from api.rivet.client_side import DIALECTS, NOTHING, Dialect, refusal
from hatchway.api.rivet.actions import ACTIONS
from hatchway.api.rivet.encodings import Encoding

WRONG: list[tuple[str, list[Any], str]] = [
    ("exec", [], "invalid_arguments"),
    ("exec", [5], "invalid_arguments"),
    ("exec", [""], "invalid_command"),
    ("exec", ["a\0b"], "invalid_command"),
    ("exec", ["ls", {"timeOut": 1}], "invalid_arguments"),
    ("exec", ["ls", {"timeout": -1}], "invalid_arguments"),
    ("exec", ["ls", {"timeout": "1"}], "invalid_arguments"),
    ("exec", ["ls", {"env": {"A=": "b"}}], "invalid_environment"),
    ("exec", ["ls", {"cwd": "/a\0"}], "invalid_path"),
    ("exec", ["ls", {}, 1], "invalid_arguments"),
    ("exec", ["ls", ["a"]], "invalid_arguments"),
    ("exec", ["ls", {"stdin": 5}], "invalid_arguments"),
    ("spawn", ["ls", "a"], "invalid_arguments"),
    ("spawn", ["ls", [1]], "invalid_arguments"),
    ("spawn", ["ls", [], {"timeout": 1}], "invalid_arguments"),
    ("writeFile", ["/a"], "invalid_arguments"),
    ("writeFile", ["/a", 5], "invalid_arguments"),
    ("writeFile", ["/a", "b", {}], "invalid_arguments"),
    ("writeFile", ["", "b"], "invalid_path"),
    ("writeFile", ["/a\0", "b"], "invalid_path"),
    ("readFile", [b"/a"], "invalid_arguments"),
    ("readFile", ["/none"], "file_not_found"),
    ("readFiles", ["/a"], "invalid_arguments"),
    ("readFiles", [[1]], "invalid_arguments"),
    ("writeFiles", [[{"path": "/a"}]], "invalid_arguments"),
    ("writeFiles", [[{"path": "/a", "content": "", "mode": 1}]], "invalid_arguments"),
    ("mkdir", ["/a", {"parents": True}], "invalid_arguments"),
    ("readdirRecursive", ["/a", {"maxDepth": -1}], "invalid_arguments"),
    ("readdirRecursive", ["/a", {"maxDepth": 0.5}], "invalid_arguments"),
    ("readdirRecursive", ["/a", {"exclude": [b"a"]}], "invalid_arguments"),
    ("stat", [], "invalid_arguments"),
    ("move", ["/a"], "invalid_arguments"),
    ("deleteFile", ["/none"], "file_not_found"),
    ("getProcess", [99], "process_not_found"),
    ("waitProcess", ["1"], "invalid_arguments"),
    ("killProcess", [0], "invalid_arguments"),
    ("writeProcessStdin", [1], "invalid_arguments"),
    ("listProcesses", [1], "invalid_arguments"),
    ("openShell", [{"cols": 0}], "invalid_arguments"),
    ("openShell", [{"rows": 1.5}], "invalid_arguments"),
    ("openShell", ["sh"], "invalid_arguments"),
    ("writeShell", ["f" * 20, ""], "shell_not_found"),
    ("writeShell", ["nonsense", ""], "shell_not_found"),
    ("resizeShell", ["f" * 20, 1], "invalid_arguments"),
    ("scheduleCron", [], "invalid_arguments"),
    ("scheduleCron", [{"schedule": "* * * * *", "action": {"type": "session"}}], "unsupported_cron_action"),
    ("scheduleCron", [{"schedule": "* * * * *", "action": {"type": "exec"}}], "invalid_arguments"),
    (
        "scheduleCron",
        [{"schedule": "* * * * *", "action": {"type": "exec", "args": ["a"]}}],
        "invalid_arguments",
    ),
    ("scheduleCron", [{"schedule": "?", "action": {"type": "exec", "command": "a"}}], "invalid_schedule"),
    ("cancelCronJob", ["é/"], "invalid_cron_id"),
    ("createSignedPreviewUrl", [], "invalid_port"),
    ("createSignedPreviewUrl", ["80"], "invalid_port"),
    ("createSignedPreviewUrl", [80, 0], "invalid_expiry"),
    ("createSignedPreviewUrl", [80, 10**12], "invalid_expiry"),
    ("expireSignedPreviewUrl", [5], "invalid_arguments"),
    ("vmFetch", [0, "/"], "invalid_port"),
    ("vmFetch", [80], "invalid_arguments"),
    ("vmFetch", [80, "ftp://x/"], "invalid_url"),
    ("vmFetch", [80, "/", {"method": "a b"}], "invalid_method"),
    ("vmFetch", [80, "/", {"headers": {"a": "b\r\nc: d"}}], "invalid_header"),
    ("vmFetch", [80, "/", {"headers": {"a": 1}}], "invalid_arguments"),
    ("vmFetch", [80, "/", {"redirect": "manual"}], "invalid_arguments"),
    ("vmFetch", [80, "/", {"body": {}}], "invalid_arguments"),
    ("nonsense", [], "unknown_action"),
    ("__class__", [], "unknown_action"),
    ("%C3%A9%00%FF" * 100, [], "unknown_action"),
]


@pytest.mark.parametrize(("name", "arguments", "code"), WRONG, ids=range(len(WRONG)))
async def test_what_is_refused(ask: Any, name: str, arguments: list[Any], code: str) -> None:
    for dialect in DIALECTS:
        status, found = refusal(await ask(name, *arguments, dialect=dialect))
        assert found == code
        assert 400 <= status < 500


@pytest.mark.parametrize("action", sorted(ACTIONS))
async def test_values_of_every_kind_are_refused_by_every_action(ask: Any, action: str) -> None:
    """Never by a fault of ours."""
    some: list[Any] = [
        float("nan"),
        float("inf"),
        -(2.0**70),
        [],
        {},
        "",
        b"",
        True,
        "\0",
        {"": NOTHING},
        [[None]],
    ]
    for dialect in (Dialect(Encoding.CBOR, 3), Dialect(Encoding.BARE, 4)):
        for one in some:
            for other in some:
                answer = await ask(action, one, other, other, dialect=dialect)
                if answer.status_code != 200:
                    assert refusal(answer)[0] < 500
