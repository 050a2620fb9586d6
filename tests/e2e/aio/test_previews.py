"""What an agent does with its previews, and how a VM is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hatchway import Agent, AsyncClient, InvalidRequest, NotFound

pytestmark = pytest.mark.sandbox


def near(moment: datetime, seconds: float) -> bool:
    """Whether a moment is that many seconds from now, but for the time that a test takes."""
    return abs(moment - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(seconds=20)


async def test_previews_are_listed_without_their_tokens(agent: Agent) -> None:
    assert await agent.list_previews() == []
    first = await agent.create_signed_preview_url(
        3000, 100, forward_host=True, cors="app", label="für Ana 🎈"
    )
    second = await agent.create_signed_preview_url(8080)
    listed = await agent.list_previews()
    assert [(one.id, one.port, one.label, one.forward_host, one.cors) for one in listed] == [
        (first.id, 3000, "für Ana 🎈", True, "app"),
        (second.id, 8080, "", False, "open"),
    ]
    assert [one.expires_at for one in listed] == [first.expires_at, second.expires_at]
    assert near(listed[0].created_at, 0)
    assert first.label == "für Ana 🎈"
    assert not any(preview.token in repr(listed) for preview in (first, second))
    assert (await agent.info()).state == "asleep", "none of it starts the VM"


async def test_previews_are_revoked_by_id_and_all_at_once(agent: Agent) -> None:
    previews = [await agent.create_signed_preview_url(3000) for _ in range(4)]
    assert await agent.expire_preview(previews[0].id) is True
    assert await agent.expire_preview(previews[0].id) is False
    assert await agent.expire_signed_preview_url(previews[1].token) is True
    assert [one.id for one in await agent.list_previews()] == [preview.id for preview in previews[2:]]
    assert await agent.expire_all_previews() == 2
    assert await agent.expire_all_previews() == 0
    assert await agent.list_previews() == []


async def test_a_renewal_counts_from_now_within_the_limits_of_a_new_preview(agent: Agent) -> None:
    preview = await agent.create_signed_preview_url(3000, 100, label="mine")
    for seconds, ends in ((40_000, 40_000), (None, 3600), (60, 60)):
        renewed = await agent.renew_preview(preview.id, seconds)
        assert near(renewed.expires_at, ends)
        assert (renewed.id, renewed.label) == (preview.id, "mine")
        assert await agent.list_previews() == [renewed]
    for wrong in (0, 86_401):
        with pytest.raises(InvalidRequest) as caught:
            await agent.renew_preview(preview.id, wrong)
        assert caught.value.code == "invalid_expiry"
    await agent.expire_preview(preview.id)
    with pytest.raises(NotFound) as gone:
        await agent.renew_preview(preview.id)
    assert gone.value.code == "preview_not_found"


async def test_previews_of_another_vm_are_none(agent: Agent, zoo: Agent) -> None:
    preview = await zoo.create_signed_preview_url(3000)
    assert await agent.list_previews() == []
    assert await agent.expire_preview(preview.id) is False
    with pytest.raises(NotFound) as caught:
        await agent.renew_preview(preview.id)
    assert caught.value.code == "preview_not_found"
    assert await agent.expire_all_previews() == 0
    assert preview.id in [one.id for one in await zoo.list_previews()]
    assert await zoo.expire_preview(preview.id)


@pytest.mark.parametrize("label", ["a\nb", "\x1b[2J", "x" * 201, 7])
async def test_a_label_that_is_none_is_refused(agent: Agent, label: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await agent.create_signed_preview_url(3000, label=label)
    assert caught.value.code == "invalid_label"
    assert await agent.list_previews() == []


async def test_a_vm_is_found_without_being_made(agent: Agent, client: AsyncClient) -> None:
    key = [*agent.key, "a/b\\c d+e", "ü", ""]
    with pytest.raises(NotFound) as caught:
        await client.vm.get(key)
    assert caught.value.code == "vm_not_found"
    assert tuple(key) not in {vm.key for vm in await client.list_vms()}
    made = await client.vm.get_or_create(key).info()
    found = await client.vm.get(key)
    assert await found.info() == made
    assert (made.kind, made.key, made.state) == ("vm", tuple(key), "asleep")
    assert near(made.created_at, 0)
    assert made in await client.list_vms()
    await found.write_file("/home/user/x", "x")
    assert (await found.info()).state == "running"
    await found.destroy()
    await found.destroy()
    for action in (found.info, lambda: found.exists("/home/user/x"), lambda: client.vm.get(key)):
        with pytest.raises(NotFound) as caught:
            await action()
        assert caught.value.code == "vm_not_found"
    assert tuple(key) not in {vm.key for vm in await client.list_vms()}
