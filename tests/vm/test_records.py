from __future__ import annotations

from hatchway.vm.records import ExecRequest, MintedPreview, SpawnRequest

SECRET = "hunter2"


def test_no_repr_shows_a_secret() -> None:
    records = [
        ExecRequest("run", env={"KEY": SECRET}, stdin=SECRET.encode()),
        SpawnRequest("run", ["now"], env={"KEY": SECRET}),
        MintedPreview("0" * 20, SECRET, f"/fetch/{SECRET}", 3000, 1.5, f"http://{SECRET}.localhost:6420/"),
    ]
    for record in records:
        assert SECRET not in repr(record)
    assert [repr(record).partition("(")[0] for record in records] == [
        "ExecRequest",
        "SpawnRequest",
        "MintedPreview",
    ]
    assert "3000" in repr(records[2])
