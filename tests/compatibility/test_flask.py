from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page

from compatibility.app import PYTHON, App, Running
from e2e import chromium

pytestmark = pytest.mark.sandbox

APP = App(
    tool="Flask",
    folder="flask",
    port=5000,
    command=(PYTHON, "-m", "flask", "run"),
    version=("sh", "-c", f"{PYTHON} -m flask --version | grep Flask"),
    locked_as="flask",
)


async def test_redirects(running: Running, http: httpx.AsyncClient) -> None:
    """Redirects: relative, to a path, to the service's own address by name and by number, to a slash, to elsewhere."""
    own = running.preview.url
    expected = {
        "redirects/relative": "cookies",
        "redirects/path": "/cookies",
        "redirects/absolute": f"{own}cookies",
        "redirects/address": f"{own}cookies",
        "redirects/elsewhere": "https://example.org/cookies",
        "folder": f"{own}folder/",
    }
    answers = {target: await http.get(target) for target in expected}
    assert {target: answer.headers["location"] for target, answer in answers.items()} == expected
    for target in ("redirects/path", "redirects/absolute", "redirects/address"):
        followed = await http.get(target, follow_redirects=True)
        assert (followed.status_code, str(followed.url)) == (200, f"{own}cookies")
    assert (await http.get("folder", follow_redirects=True)).text == "in the folder"


async def test_cookies(http: httpx.AsyncClient) -> None:
    """Cookies, several in one answer, with and without `Domain`, are kept and sent back."""
    first = await http.get("cookies")
    assert first.json() == {}
    plain, domain, strict, below = first.headers.get_list("set-cookie")
    assert (plain, domain, below) == ("plain=1; Path=/", "domain=2; Path=/", "below=4; Path=/elsewhere")
    assert strict.startswith("strict=3; Expires=")
    assert strict.endswith("; Max-Age=600; HttpOnly; Path=/; SameSite=Strict")
    assert (await http.get("cookies")).json() == {"plain": "1", "domain": "2", "strict": "3"}


@pytest.mark.browser
@pytest.mark.skipif(not chromium.CHROMIUM.exists(), reason=chromium.MISSING)
async def test_login_form_with_a_session(running: Running, browser_page: Page) -> None:
    """A login form with a session, in Chromium: refused, logged in, reloaded, logged out."""
    page, own = browser_page, running.preview.url
    await page.goto(own)
    assert page.url == f"{own}login"
    for password, title in (("open barley", "Log in"), ("open sesame", "Hello Ali")):
        await page.get_by_label("Name").fill("Ali")
        await page.get_by_label("Password").fill(password)
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("heading", name=title, exact=True).wait_for()
        assert await page.get_by_role("alert").count() == (title == "Log in")
    assert page.url == own
    await page.reload()
    assert await page.title() == "Hello Ali"
    (session,) = await page.context.cookies()
    assert (session["name"], session["domain"]) == ("session", running.host.partition(":")[0])
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("heading", name="Log in").wait_for()
    await page.goto(own)
    assert page.url == f"{own}login"
