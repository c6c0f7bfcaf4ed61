"""The application: which address does what. `api` has the routes for programs and the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ..errors import UnmixError
from .access import Access, Gate
from .api import Api, body_of, refused
from .library import Library, MissingError
from .studio import Studio

_META = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"<>]*)">')
_HEAD = 4096
"""Bytes in which a page has its policy."""


def make_app(studio: Studio, access: Access) -> Gate:
    """Return the ASGI application of a studio.

    Parameters
    ----------
    studio : Studio
        Started and stopped together with the application.
    access : Access
    """
    static = Path(str(resources.files(__package__).joinpath("static")))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        studio.engine.start()
        yield
        await run_in_threadpool(studio.close)

    async def home(request: Request) -> Response:
        token = request.query_params.get("token", "")
        if access.is_token(token) or access.has_cookie(request.headers):
            response = HTMLResponse((static / "index.html").read_bytes())
            access.log_in(response)
            return response
        page = "locked.html" if access.password is None else "login.html"
        return HTMLResponse((static / page).read_bytes(), 401)

    async def log_in(request: Request) -> Response:
        body = await body_of(request)
        password = body.get("password") if isinstance(body, dict) else None
        if not isinstance(password, str) or not await access.is_password(password):
            return JSONResponse({"error": "that is not the password"}, 403)
        response = JSONResponse({})
        access.log_in(response)
        return response

    async def icon(request: Request) -> Response:
        return FileResponse(static / "icon.svg")

    routes = [
        Route("/", home),
        Route("/favicon.ico", icon),
        Route("/api/login", log_in, methods=["POST"]),
        *Api(studio).routes(),
        Route("/listen/{job}/", lambda request: _page(studio.library, request)),
        Route("/listen/{job}/{name}", lambda request: _stem(studio.library, request)),
        Mount("/static", _Static(directory=static)),
    ]
    handlers: dict[Any, Callable[[Request, Exception], Response]] = {UnmixError: refused}
    return Gate(Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers), access)


class _Static(StaticFiles):
    """The files of the program; browsers ask whether they are still the same."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["cache-control"] = "no-cache"
        return response


def _page(library: Library, request: Request) -> Response:
    """Serve the page of a finished job, under the policy that it names itself."""
    job = library.job(request.path_params["job"])
    if not job.page or not library.is_whole(job):
        raise MissingError("its stems were moved or deleted; separate the song again")
    path = library.root / job.page
    with path.open("rb") as file:
        found = _META.search(file.read(_HEAD).decode("utf-8", "replace"))
    policy = found[1].replace("&#x27;", "'") if found else "default-src 'none'; sandbox"
    return FileResponse(
        path,
        media_type="text/html",
        headers={"content-security-policy": f"{policy}; frame-ancestors 'self'"},
    )


def _stem(library: Library, request: Request) -> Response:
    """Serve a stem by the name of its file, which must be one of the job's."""
    job = library.job(request.path_params["job"])
    files = {Path(path).name: library.root / path for path in job.stems.values()}
    path = files.get(request.path_params["name"])
    if path is None or not path.is_file():
        raise MissingError("there is no such stem")
    return FileResponse(path, filename=path.name)
