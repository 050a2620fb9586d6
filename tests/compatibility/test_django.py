from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page

from compatibility.app import PYTHON, App, Running
from e2e import chromium

pytestmark = pytest.mark.sandbox

_PASSWORD = "open-sesame-40"
_ADMIN = [
    f"DJANGO_SUPERUSER_{name}" for name in ("USERNAME=ali", "EMAIL=ali@localhost", f"PASSWORD={_PASSWORD}")
]

APP = App(
    tool="Django",
    folder="django",
    port=8000,
    # The project is what Django makes of it, with no setting changed.
    prepare=(
        (PYTHON, "-m", "django", "startproject", "shop", "."),
        (PYTHON, "manage.py", "migrate", "--verbosity", "0"),
        ("env", *_ADMIN, PYTHON, "manage.py", "createsuperuser", "--noinput"),
    ),
    command=(PYTHON, "manage.py", "runserver", "--noreload"),
    version=(PYTHON, "-m", "django", "--version"),
    locked_as="django",
)


@pytest.mark.browser
@pytest.mark.skipif(not chromium.CHROMIUM.exists(), reason=chromium.MISSING)
async def test_admin_login(running: Running, browser_page: Page) -> None:
    """The admin of a new project in Chromium: log in, add a group, log out, all under CSRF protection."""
    page, own = browser_page, running.preview.url
    await page.goto(f"{own}admin/")
    assert page.url == f"{own}admin/login/?next=/admin/"
    await page.get_by_label("Username").fill("ali")
    await page.get_by_label("Password").fill(_PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="Site administration").wait_for()
    assert page.url == f"{own}admin/"
    # The style sheet is there too.
    header = page.locator("#header")
    assert await header.evaluate("element => getComputedStyle(element).display") == "flex"
    await page.goto(f"{own}admin/auth/group/add/")
    await page.get_by_label("Name:").fill("cooks")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("was added successfully").wait_for()
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("heading", name="Logged out").wait_for()


async def test_csrf_protection_holds(running: Running, http: httpx.AsyncClient) -> None:
    """CSRF protection itself: a login is refused without its token, or from another site's page."""
    own = running.preview.url
    form = await http.get("admin/login/")
    fields = {"username": "ali", "password": _PASSWORD, "csrfmiddlewaretoken": form.cookies["csrftoken"]}
    target = "admin/login/?next=/admin/"
    without = {name: value for name, value in fields.items() if name != "csrfmiddlewaretoken"}
    from_here, from_elsewhere = {"Origin": own.rstrip("/")}, {"Origin": "https://example.org"}
    answers = [
        await http.post(target, data=data, headers=headers)
        for data, headers in ((without, from_here), (fields, from_elsewhere), (fields, from_here))
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 302]
    assert "CSRF token missing" in answers[0].text
    assert "Origin checking failed" in answers[1].text
    assert answers[2].headers["location"] == "/admin/"
