"""The HTTP API, which the page uses too; `openapi` describes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..errors import InputError, OutputError, UnmixError, UsageError
from .exports import Form
from .library import MissingError
from .models import LicenceError
from .openapi import document
from .records import Wish
from .studio import Studio
from .uploads import AT_ONCE, FullError, TooLargeError, admit, receive

Body = TypeVar("Body", bound=BaseModel)
_LARGEST_BODY = 65_536
_STATUS: tuple[tuple[type[UnmixError], int], ...] = (
    (MissingError, 404),
    (LicenceError, 409),
    (TooLargeError, 413),
    (FullError, 507),
    (OutputError, 507),
    (InputError, 422),
    (UsageError, 422),
)
_PAGE = 200
"""Songs in one answer."""


class Accepting(BaseModel):
    """A body that may accept a licence."""

    accept: bool = False


class Asking(Wish):
    """A wish, with the licence accepted or not."""

    accept: bool = False

    @property
    def wish(self) -> Wish:
        return Wish(goal=self.goal, effort=self.effort, model=self.model)


class Api:
    """The routes below ``/api``.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._uploading = 0

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            Route("/api/openapi.json", self.describe),
            Route("/api/events", self.events),
            Route("/api/status", self.status),
            Route("/api/goals", self.goals),
            Route("/api/plan", self.plan),
            Route("/api/songs", self.songs),
            Route("/api/songs", self.add_song, methods=["POST"]),
            Route("/api/songs/{id}", self.song),
            Route("/api/songs/{id}", self.remove_song, methods=["DELETE"]),
            Route("/api/songs/{id}/cover", self.cover),
            Route("/api/songs/{id}/jobs", self.add_job, methods=["POST"]),
            Route("/api/jobs/{id}", self.job),
            Route("/api/jobs/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/api/jobs/{id}/retry", self.retry, methods=["POST"]),
            Route("/api/jobs/{id}/stems/{name}", self.stem),
            Route("/api/jobs/{id}/exports", self.export, methods=["POST"]),
            Route("/api/exports/{id}", self.exported),
            Route("/api/models", self.models),
            Route("/api/models/{name}/fetch", self.fetch_model, methods=["POST"]),
            Route("/api/models/{name}/verify", self.verify_model, methods=["POST"]),
            Route("/api/models/{name}", self.remove_model, methods=["DELETE"]),
        ]

    # --- the whole ---

    def describe(self, request: Request) -> Response:
        return JSONResponse(document())

    async def events(self, request: Request) -> Response:
        hub = self._studio.hub
        if hub.full:
            return JSONResponse({"error": "too many listeners; close some pages"}, 429)
        return StreamingResponse(hub.listen(), media_type="text/event-stream")

    def status(self, request: Request) -> Response:
        studio = self._studio
        progress = studio.engine.progress
        return JSONResponse(
            {
                "library": str(studio.library.root),
                "unfinished": studio.library.unfinished(),
                "progress": asdict(progress) if progress else None,
            }
        )

    def goals(self, request: Request) -> Response:
        return JSONResponse(self._studio.models.goals())

    def plan(self, request: Request) -> Response:
        return JSONResponse(self._studio.models.plan(_wish_in(request)))

    # --- songs ---

    def songs(self, request: Request) -> Response:
        query = request.query_params
        first = query.get("first", "0")[:9]
        start = int(first) if first.isdecimal() else 0
        studio = self._studio
        count, songs = studio.library.songs(query.get("search", "")[:200], start, _PAGE)
        return JSONResponse({"count": count, "songs": [studio.shown(song) for song in songs]})

    async def add_song(self, request: Request) -> Response:
        """Take a recording: the body is the file, the query has its name and perhaps a wish."""
        studio = self._studio
        wish = None
        if {"goal", "model"} & set(request.query_params):
            wish = _wish_in(request)
            await run_in_threadpool(
                studio.models.allow, wish, request.query_params.get("accept") == "true"
            )
        if self._uploading >= AT_ONCE:
            return JSONResponse({"error": "too many uploads at once; wait for one to end"}, 429)
        self._uploading += 1
        try:
            length = request.headers.get("content-length", "")
            upload = await receive(
                request.stream(),
                studio.library.uploads,
                int(length) if length.isdecimal() else None,
            )
            name = request.query_params.get("name", "")
            song, is_new = await run_in_threadpool(admit, studio.library, upload, name)
        except ClientDisconnect:
            return Response(status_code=400)
        finally:
            self._uploading -= 1
        studio.hub.publish("song", await run_in_threadpool(studio.shown, song))
        if wish:
            await run_in_threadpool(self._begin, song.id, wish)
        shown = await run_in_threadpool(studio.shown, song)
        return JSONResponse(shown, 201 if is_new else 200)

    def song(self, request: Request) -> Response:
        studio = self._studio
        return JSONResponse(studio.shown(studio.library.song(request.path_params["id"])))

    def remove_song(self, request: Request) -> Response:
        id = request.path_params["id"]
        self._studio.library.remove_song(id)
        self._studio.hub.publish("gone", {"id": id})
        return Response(status_code=204)

    def cover(self, request: Request) -> Response:
        found = self._studio.library.picture(request.path_params["id"])
        if found is None:
            raise MissingError("it has no cover")
        kind, data = found
        headers = {
            "content-security-policy": "default-src 'none'; sandbox",
            "cache-control": "private, max-age=86400",
        }
        return Response(data, media_type=kind, headers=headers)

    # --- jobs ---

    async def add_job(self, request: Request) -> Response:
        asked = await _body(request, Asking)
        await run_in_threadpool(self._studio.models.allow, asked.wish, asked.accept)
        id = request.path_params["id"]
        return JSONResponse(await run_in_threadpool(self._begin, id, asked.wish), 202)

    def _begin(self, song: str, wish: Wish) -> dict[str, Any]:
        studio = self._studio
        job = studio.library.add_job(song, wish).shown()
        studio.hub.publish("job", job)
        studio.engine.wake()
        return job

    def job(self, request: Request) -> Response:
        job = self._studio.library.job(request.path_params["id"]).shown()
        progress = self._studio.engine.progress
        mine = progress if progress and progress.job == job["id"] else None
        return JSONResponse(job | {"progress": asdict(mine) if mine else None})

    def cancel(self, request: Request) -> Response:
        studio = self._studio
        id = request.path_params["id"]
        job = studio.engine.cancel(id) or studio.library.job(id)
        return JSONResponse(job.shown(), 202)

    def retry(self, request: Request) -> Response:
        studio = self._studio
        job = studio.library.job(request.path_params["id"])
        again = studio.library.move(
            job.id, ("failed", "cancelled"), "waiting", attempts=0, error="", notes=[],
            finished=None,
        )  # fmt: skip
        if again:
            studio.hub.publish("job", again.shown())
            studio.engine.wake()
        return JSONResponse((again or job).shown(), 202)

    def stem(self, request: Request) -> Response:
        job = self._studio.library.job(request.path_params["id"])
        below = job.stems.get(request.path_params["name"])
        path = self._studio.library.root / below if below else None
        if path is None or not path.is_file():
            raise MissingError("there is no such stem")
        return FileResponse(path, filename=path.name)

    # --- exports ---

    async def export(self, request: Request) -> Response:
        form = await _body(request, Form)
        library = self._studio.library
        job = await run_in_threadpool(library.job, request.path_params["id"])
        if job.state != "done":
            raise UsageError("there are no stems yet")
        song = library.song(job.song)
        stems = {name: library.root / path for name, path in job.stems.items()}
        export = await run_in_threadpool(
            self._studio.exports.make, song, library.recording(song), stems, form
        )
        return JSONResponse(export.shown(), 201)

    def exported(self, request: Request) -> Response:
        export = self._studio.exports.find(request.path_params["id"])
        if export is None or not export.path.is_file():
            raise MissingError("this file is gone; save it again")
        return FileResponse(export.path, filename=export.path.name)

    # --- models ---

    def models(self, request: Request) -> Response:
        return JSONResponse(self._studio.models.list())

    async def fetch_model(self, request: Request) -> Response:
        asked = await _body(request, Accepting)
        name = request.path_params["name"]
        shown = await run_in_threadpool(self._studio.models.fetch, name, asked.accept)
        return JSONResponse(shown, 202)

    def verify_model(self, request: Request) -> Response:
        return JSONResponse(self._studio.models.verify(request.path_params["name"]))

    def remove_model(self, request: Request) -> Response:
        return JSONResponse(self._studio.models.remove(request.path_params["name"]))


def refused(request: Request, error: Exception) -> Response:
    """Answer with the sentence of an error."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 409)
    more: dict[str, Any] = {}
    if isinstance(error, LicenceError):
        card = error.card
        more = {
            "model": card.name, "licence": card.licence, "restriction": card.restriction,
        }  # fmt: skip
    return JSONResponse({"error": str(error)} | more, status)


async def body_of(request: Request) -> Any:
    """Read a small body of JSON.

    Raises
    ------
    UsageError
        If it is not JSON, or too large.
    """
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > _LARGEST_BODY:
            raise UsageError("the body is too large")
    try:
        return json.loads(data) if data else {}
    except (ValueError, RecursionError):
        raise UsageError("the body is not JSON") from None


async def _body(request: Request, kind: type[Body]) -> Body:
    return _valid(kind, await body_of(request))


def _wish_in(request: Request) -> Wish:
    query = request.query_params
    return _valid(Wish, {key: query[key] for key in ("goal", "effort", "model") if key in query})


def _valid(kind: type[Body], values: Any) -> Body:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        message = detail["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}: {message}" if where else message) from None
