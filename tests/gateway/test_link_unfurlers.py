"""Who only shows what is behind a link."""

from __future__ import annotations

import pytest

from hatchway.gateway.link_unfurlers import AGENTS, is_unfurler


@pytest.mark.parametrize(
    "agent",
    [
        b"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        b"Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        b"facebookexternalhit/1.1",
        b"WhatsApp/2.23.20.0 A",
        b"TelegramBot (like TwitterBot)",
        b"LinkedInBot/1.0 (compatible; Mozilla/5.0)",
        b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ],
)
def test_unfurlers(agent: bytes) -> None:
    assert is_unfurler(agent)


@pytest.mark.parametrize(
    "agent",
    [
        None,
        b"",
        b"curl/8.5.0",
        b"python-httpx/0.27",
        b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
        b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:131.0) Gecko/20100101 Firefox/131.0",
    ],
)
def test_people_and_programs(agent: bytes | None) -> None:
    assert not is_unfurler(agent)


def test_the_table_is_in_lower_case_and_in_order() -> None:
    assert list(AGENTS) == sorted({agent.lower() for agent in AGENTS})
