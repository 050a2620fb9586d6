# Written by tools/generate-sync-client from tests/e2e/aio/test_previews.py.
"""What an agent does with its previews, and how a VM is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hatchway import Client, InvalidRequest, NotFound, SyncAgent

pytestmark = pytest.mark.sandbox


def near(moment: datetime, seconds: float) -> bool:
    """Whether a moment is that many seconds from now, but for the time that a test takes."""
    return abs(moment - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(seconds=20)


def test_previews_are_listed_without_their_tokens(agent: SyncAgent) -> None:
    assert agent.list_previews() == []
    first = agent.create_signed_preview_url(3000, 100, forward_host=True, cors="app", label="für Ana 🎈")
    second = agent.create_signed_preview_url(8080)
    listed = agent.list_previews()
    assert [(one.id, one.port, one.label, one.forward_host, one.cors) for one in listed] == [
        (first.id, 3000, "für Ana 🎈", True, "app"),
        (second.id, 8080, "", False, "open"),
    ]
    assert [one.expires_at for one in listed] == [first.expires_at, second.expires_at]
    assert near(listed[0].created_at, 0)
    assert first.label == "für Ana 🎈"
    assert not any(preview.token in repr(listed) for preview in (first, second))
    assert (agent.info()).state == "asleep", "none of it starts the VM"


def test_previews_are_revoked_by_id_and_all_at_once(agent: SyncAgent) -> None:
    previews = [agent.create_signed_preview_url(3000) for _ in range(4)]
    assert agent.expire_preview(previews[0].id) is True
    assert agent.expire_preview(previews[0].id) is False
    assert agent.expire_signed_preview_url(previews[1].token) is True
    assert [one.id for one in agent.list_previews()] == [preview.id for preview in previews[2:]]
    assert agent.expire_all_previews() == 2
    assert agent.expire_all_previews() == 0
    assert agent.list_previews() == []


def test_a_renewal_counts_from_now_within_the_limits_of_a_new_preview(agent: SyncAgent) -> None:
    preview = agent.create_signed_preview_url(3000, 100, label="mine")
    for seconds, ends in ((40_000, 40_000), (None, 3600), (60, 60)):
        renewed = agent.renew_preview(preview.id, seconds)
        assert near(renewed.expires_at, ends)
        assert (renewed.id, renewed.label) == (preview.id, "mine")
        assert agent.list_previews() == [renewed]
    for wrong in (0, 86_401):
        with pytest.raises(InvalidRequest) as caught:
            agent.renew_preview(preview.id, wrong)
        assert caught.value.code == "invalid_expiry"
    agent.expire_preview(preview.id)
    with pytest.raises(NotFound) as gone:
        agent.renew_preview(preview.id)
    assert gone.value.code == "preview_not_found"


def test_previews_of_another_vm_are_none(agent: SyncAgent, zoo: SyncAgent) -> None:
    preview = zoo.create_signed_preview_url(3000)
    assert agent.list_previews() == []
    assert agent.expire_preview(preview.id) is False
    with pytest.raises(NotFound) as caught:
        agent.renew_preview(preview.id)
    assert caught.value.code == "preview_not_found"
    assert agent.expire_all_previews() == 0
    assert preview.id in [one.id for one in zoo.list_previews()]
    assert zoo.expire_preview(preview.id)


@pytest.mark.parametrize("label", ["a\nb", "\x1b[2J", "x" * 201, 7])
def test_a_label_that_is_none_is_refused(agent: SyncAgent, label: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        agent.create_signed_preview_url(3000, label=label)
    assert caught.value.code == "invalid_label"
    assert agent.list_previews() == []


def test_a_vm_is_found_without_being_made(agent: SyncAgent, client: Client) -> None:
    key = [*agent.key, "a/b\\c d+e", "ü", ""]
    with pytest.raises(NotFound) as caught:
        client.vm.get(key)
    assert caught.value.code == "vm_not_found"
    assert tuple(key) not in {vm.key for vm in client.list_vms()}
    made = client.vm.get_or_create(key).info()
    found = client.vm.get(key)
    assert found.info() == made
    assert (made.kind, made.key, made.state) == ("vm", tuple(key), "asleep")
    assert near(made.created_at, 0)
    assert made in client.list_vms()
    found.write_file("/home/user/x", "x")
    assert (found.info()).state == "running"
    found.destroy()
    found.destroy()
    for action in (found.info, lambda: found.exists("/home/user/x"), lambda: client.vm.get(key)):
        with pytest.raises(NotFound) as caught:
            action()
        assert caught.value.code == "vm_not_found"
    assert tuple(key) not in {vm.key for vm in client.list_vms()}
