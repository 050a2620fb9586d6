"""Listing a folder of a VM, as lines."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import ASGIApp

from hatchway.api import file_queries as queries
from hatchway.api import file_schemas as schemas
from hatchway.api.file_errors import FILE_ERRORS
from hatchway.api.lines import LinesAnswer
from hatchway.api.operation import NDJSON, Operation, Success
from hatchway.api.schemas import Answer, ErrorLine
from hatchway.api.services import Services
from hatchway.api.targets import vm_id
from hatchway.errors import HatchwayError
from hatchway.vm.records import FileEntry, ListingEnd


async def show(services: Services, request: Request) -> ASGIApp:
    """List a folder."""
    query = request.state.query
    listing = services.list_folder(
        vm_id(request),
        queries.path(query),
        queries.max_depth(query),
        queries.patterns(request.state.lists["exclude"]),
    )
    return LinesAnswer("listFolder", listing, _lines, ListingEnd, _lost())


def _lines(event: list[FileEntry] | ListingEnd) -> Sequence[Answer]:
    if isinstance(event, ListingEnd):
        return [schemas.ListingEndLine.of(event)]
    return [schemas.EntryLine.of(entry) for entry in event]


def _lost() -> HatchwayError:
    return HatchwayError("listing_lost", "the end of the list was lost", "list it again", status=502)


OPERATIONS = (
    Operation(
        "listFolder",
        "GET",
        "/api/vms/{vm_id}/files/list",
        "List a folder and what is in it; symbolic links are told of and not followed",
        show,
        (
            Success(
                200,
                "What is in it, as lines",
                {NDJSON: (schemas.EntryLine, schemas.ListingEndLine, ErrorLine)},
            ),
        ),
        query=(queries.PATH, queries.MAX_DEPTH, queries.EXCLUDE),
        errors=(*FILE_ERRORS, (409, "not_a_regular_file")),
    ),
)
