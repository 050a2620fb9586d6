from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect

from compatibility.app import PYTHON, App, Running
from e2e import chromium

pytestmark = pytest.mark.sandbox

APP = App(
    tool="FastAPI",
    folder="fastapi",
    port=8000,
    command=(PYTHON, "-m", "uvicorn", "main:app"),
    version=(PYTHON, "-c", "import fastapi; print(fastapi.__version__)"),
    locked_as="fastapi",
)


async def test_json_and_its_validation(running: Running, http: httpx.AsyncClient) -> None:
    """JSON and its validation, `Authorization` of the app's own, the redirect to a slash."""
    kettle = {"name": "kettle", "price": 12.5}
    authorized = {"Authorization": "Bearer of the app"}
    answer = await http.put("items/1", json=kettle, headers=authorized)
    assert (answer.status_code, answer.json()) == (200, kettle)
    assert (await http.put("items/1", json=kettle, headers={"Authorization": "Bearer x"})).status_code == 401
    refused = await http.put("items/x", json={"name": 1})
    assert refused.status_code == 422
    assert [each["loc"] for each in refused.json()["detail"]] == [
        ["path", "number"],
        ["body", "name"],
        ["body", "price"],
    ]
    moved = await http.get("items?a=b")
    assert (moved.status_code, moved.headers["location"]) == (307, f"{running.preview.url}items/?a=b")
    assert (await http.get("items?a=b", follow_redirects=True)).json() == {"1": kettle}


@pytest.mark.browser
@pytest.mark.skipif(not chromium.CHROMIUM.exists(), reason=chromium.MISSING)
async def test_docs_page(running: Running, browser_page: Page, http: httpx.AsyncClient) -> None:
    """The docs page (Swagger UI, self-hosted) in Chromium, and a call made from it."""
    page = browser_page
    await page.goto(f"{running.preview.url}docs")
    put = page.locator(".opblock-put")
    await put.get_by_role("button", name="/items/{number}").first.click()
    await put.get_by_role("button", name="Try it out").click()
    await put.get_by_placeholder("number").fill("7")
    await put.locator("textarea").fill('{"name": "from the docs page", "price": 1}')
    await put.get_by_role("button", name="Execute").click()
    answer = put.locator(".live-responses-table .response")
    await expect(answer.locator(".response-col_status")).to_contain_text("200")
    await expect(answer).to_contain_text("from the docs page")
    # The page says which address it has called: the preview's.
    await expect(put.locator(".request-url")).to_contain_text(f"{running.preview.url}items/7")
    assert (await http.get("items/")).json()["7"]["name"] == "from the docs page"
