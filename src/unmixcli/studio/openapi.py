"""The document that describes the API to programs, in OpenAPI 3.1."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from .exports import Form
from .records import Wish

_Table = dict[str, Any]


def document() -> _Table:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "unmix studio",
            "version": version("unmixcli"),
            "description": "Separate recordings into stems. Send the token, or the password of a "
            "server in a network, as `Authorization: Bearer ...`.",
        },
        "security": [{"bearer": []}],
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Song": _SONG,
                "Job": _JOB,
                "Wish": _plain(Wish.model_json_schema()) | {"description": "A goal or a model."},
                "Form": _plain(Form.model_json_schema()) | {"description": "Stems, or a mix."},
                "Export": _object(id=_TEXT, name=_TEXT, size=_WHOLE, url=_TEXT),
                "Error": _object(error=_TEXT),
            },
        },
        "paths": _paths(),
    }


_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_NUMBER = {"type": "number"}
_MAYBE = {"type": ["string", "null"]}
_WHEN = {"type": ["number", "null"], "description": "Seconds since 1970."}


def _object(**properties: Any) -> _Table:
    return {"type": "object", "properties": properties}


_SONG = _object(
    id=_TEXT, name=_TEXT, title=_TEXT, artist=_TEXT, album=_TEXT, seconds=_NUMBER, size=_WHOLE,
    added=_NUMBER, cover=_MAYBE,
    jobs={"type": "array", "items": {"$ref": "#/components/schemas/Job"}},
)  # fmt: skip
_JOB = _object(
    id=_TEXT, song=_TEXT,
    state={"enum": ["waiting", "working", "done", "failed", "cancelled"]},
    goal=_MAYBE, effort=_TEXT, model=_MAYBE, made_by=_TEXT,
    stems={"type": "array", "items": _TEXT}, page=_MAYBE, error=_TEXT,
    notes={"type": "array", "items": _TEXT}, created=_NUMBER, started=_WHEN, finished=_WHEN,
)  # fmt: skip


def _plain(schema: _Table) -> _Table:
    """Leave out what pydantic adds for itself."""
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def _paths() -> _Table:
    song, job, export = (_ref(name) for name in ("Song", "Job", "Export"))
    listed = _object(count=_WHOLE, songs={"type": "array", "items": song})
    wish = [_query("goal"), _query("effort"), _query("model")]
    anything: _Table = {}
    return {
        "/api/songs": {
            "get": _does("List songs, newest first.", listed, [_query("search"), _query("first")]),
            "post": _does(
                "Add a recording. With a goal or a model it is separated at once.",
                song, [_query("name", True), *wish, _query("accept")],
                body=("application/octet-stream", {"type": "string", "format": "binary"}), code=201,
            ),
        },
        "/api/songs/{id}": {
            "get": _does("Describe a song and its separations.", song),
            "delete": _does("Delete a song and its stems.", None, code=204),
        },
        "/api/songs/{id}/jobs": {
            "post": _does("Separate a song.", job, body=_json("Wish"), code=202)
        },
        "/api/jobs/{id}": {"get": _does("Ask how a separation is coming on.", job)},
        "/api/jobs/{id}/cancel": {"post": _does("Cancel a separation.", job, code=202)},
        "/api/jobs/{id}/retry": {"post": _does("Separate once more.", job, code=202)},
        "/api/jobs/{id}/stems/{name}": {"get": _does("Fetch a stem: FLAC, 24 bits.", "audio/flac")},
        "/api/jobs/{id}/exports": {
            "post": _does(
                "Write stems (several into a zip) or a mix in another format.", export,
                body=_json("Form"), code=201,
            )
        },
        "/api/exports/{id}": {"get": _does("Fetch what was written.", "application/octet-stream")},
        "/api/events": {
            "get": _does("Listen: song, job, progress, model, gone.", "text/event-stream")
        },
        "/api/status": {"get": _does("Ask what is going on.", anything)},
        "/api/goals": {"get": _does("List the goals.", anything)},
        "/api/plan": {"get": _does("Ask which model a goal would use.", anything, wish)},
        "/api/models": {"get": _does("List the models.", anything)},
        "/api/models/{name}/fetch": {
            "post": _does("Download a model.", anything, code=202,
                          body=("application/json", _object(accept={"type": "boolean"})))
        },
        "/api/models/{name}/verify": {"post": _does("Check a model's files.", anything)},
        "/api/models/{name}": {"delete": _does("Delete a model's files.", anything)},
    }  # fmt: skip


def _ref(name: str) -> _Table:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> tuple[str, _Table]:
    return "application/json", _ref(name)


def _query(name: str, required: bool = False) -> _Table:
    return {"name": name, "in": "query", "required": required, "schema": _TEXT}


def _does(
    summary: str,
    result: _Table | str | None,
    parameters: list[_Table] | None = None,
    body: tuple[str, _Table] | None = None,
    code: int = 200,
) -> _Table:
    """Describe an operation; a result that is a text is a media type."""
    answer: _Table = {"description": "Done."}
    if isinstance(result, str):
        answer["content"] = {result: {}}
    elif result is not None:
        answer["content"] = {"application/json": {"schema": result}}
    wrong = {
        "description": "Refused; the sentence says why.",
        "content": {"application/json": {"schema": _ref("Error")}},
    }
    operation: _Table = {"summary": summary, "responses": {str(code): answer, "4XX": wrong}}
    if parameters:
        operation["parameters"] = parameters
    if body:
        kind, schema = body
        operation["requestBody"] = {"content": {kind: {"schema": schema}}}
    return operation
