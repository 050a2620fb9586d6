import os
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

# As FastAPI's documentation has it for self-hosted assets: a VM reaches no other host, nor may the browser.
app = FastAPI(docs_url=None, redoc_url=None)
app.mount("/static", StaticFiles(directory=os.environ["NODE_MODULES"] + "/swagger-ui-dist"), name="static")


class Item(BaseModel):
    name: str
    price: float


items: dict[int, Item] = {}


@app.get("/docs", include_in_schema=False)
async def docs():
    return get_swagger_ui_html(
        openapi_url=app.openapi_url,
        title="Docs",
        swagger_js_url="/static/swagger-ui-bundle.js",
        swagger_css_url="/static/swagger-ui.css",
        swagger_favicon_url="/static/favicon-32x32.png",
    )


@app.put("/items/{number}")
async def put_item(number: int, item: Item, authorization: Annotated[str | None, Header()] = None) -> Item:
    if authorization not in (None, "Bearer of the app"):
        raise HTTPException(401)
    items[number] = item
    return item


@app.get("/items/")
async def get_items() -> dict[int, Item]:
    return items
