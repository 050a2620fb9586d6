"""Programs that fetch a link only to show what is behind it, or to index it: nobody has opened it yet. Pure.

Chats fetch every link that is pasted into them. None of that is a reason to wake a VM.
"""

from __future__ import annotations

import re

AGENTS = (
    b"applebot",
    b"bingbot",
    b"bingpreview",
    b"bitlybot",
    b"bluesky cardyb",
    b"discordbot",
    b"duckduckbot",
    b"embedly",
    b"facebookcatalog",
    b"facebookexternalhit",
    b"facebot",
    b"flipboardproxy",
    b"google-inspectiontool",
    b"googlebot",
    b"googleother",
    b"iframely",
    b"linkedinbot",
    b"mastodon/",
    b"mattermost-bot",
    b"meta-externalagent",
    b"meta-externalfetcher",
    b"microsoftpreview",
    b"nextcloud server crawler",
    b"notionbot",
    b"opengraph",
    b"pinterestbot",
    b"qwantify",
    b"redditbot",
    b"rocket.chat",
    b"signal-desktop",
    b"skypeuripreview",
    b"slack-imgproxy",
    b"slackbot",
    b"synapse/",
    b"telegrambot",
    b"trello",
    b"tumblr",
    b"twitterbot",
    b"viber",
    b"vkshare",
    b"whatsapp",
    b"xing-contenttabreceiver",
    b"yandexbot",
    b"zoombot",
    b"zulip",
)
"""A part of the User-Agent of each, in lower case."""

_AGENT = re.compile(b"|".join(map(re.escape, AGENTS)), re.IGNORECASE)


def is_unfurler(user_agent: bytes | None) -> bool:
    """Whether a `User-Agent` (RFC 9110 section 10.1.5) is that of such a program, by its own word."""
    return user_agent is not None and _AGENT.search(user_agent) is not None
