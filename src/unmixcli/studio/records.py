"""What the library keeps: songs, and the jobs that separate them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..options.config import GoalName, SeparationConfig
from ..options.settings import Settings

State = Literal["waiting", "working", "done", "failed", "cancelled"]

_OF_THE_MACHINE = ("device", "precision", "temp_dir", "offline")
"""User defaults that apply here too; the others belong to the command line."""


class Wish(BaseModel):
    """What a user asks for: a goal with an effort, or a model by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    goal: GoalName | None = None
    effort: Literal["fast", "normal", "best"] = "normal"
    model: str | None = Field(default=None, min_length=1, max_length=130)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.goal is None) == (self.model is None):
            raise ValueError("give either a goal or a model")
        return self

    def config(self, library: Path) -> SeparationConfig:
        """Return the options of the separation, as the command line would be given them.

        The recording lies in ``LIBRARY/SONG/``, and its stems go to a folder beside it.

        Raises
        ------
        UsageError
            If one of the user's defaults is invalid.
        """
        asked: dict[str, Any] = {"model": self.model}
        if self.goal:
            asked = {"goal": self.goal, "effort": self.effort}
        label = f"{self.goal} " if self.goal else ""
        defaults = {
            name: setting.value
            for name, setting in Settings.load().settings.items()
            if name in _OF_THE_MACHINE
        }
        return SeparationConfig.parse(
            **defaults,
            **asked,
            outdir=library,
            filename=f"{{folder}}/{label}{{model}}/{{target}}.{{ext}}",
            format="flac",
            clip="rescale",
            page=True,
            skip_existing=True,
        )


@dataclass(frozen=True)
class Song:
    """A recording in the library.

    Attributes
    ----------
    folder, file : str
        Its folder in the library, and the name of its file there.
    name : str
        The name that its file had.
    cover : str
        The media type of its picture; empty if it has none.
    added : float
        Seconds since 1970.
    """

    id: str
    name: str
    title: str
    artist: str
    album: str
    seconds: float
    size: int
    sha256: str
    folder: str
    file: str
    cover: str
    added: float

    def shown(self) -> dict[str, Any]:
        """Return what clients see."""
        names = ("id", "name", "title", "artist", "album", "seconds", "size", "added")
        return {name: getattr(self, name) for name in names} | {
            "cover": f"/api/songs/{self.id}/cover" if self.cover else None
        }


@dataclass(frozen=True)
class Job:
    """A separation of a song: asked for, under way, or over.

    Attributes
    ----------
    made_by : str
        The model that made the stems.
    stems : dict of str to str
        The paths of the stems in the library.
    page : str
        The path of the page to listen to them; empty without one.
    attempts : int
        How often it was begun.
    notes : list of str
        Sentences for the user.
    """

    id: str
    song: str
    wish: Wish
    state: State
    created: float
    attempts: int = 0
    started: float | None = None
    finished: float | None = None
    made_by: str = ""
    stems: dict[str, str] = field(default_factory=dict)
    page: str = ""
    error: str = ""
    notes: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """Return what clients see."""
        names = ("id", "song", "state", "created", "started", "finished", "error", "notes")
        shown = {name: getattr(self, name) for name in names}
        return (
            shown
            | self.wish.model_dump()
            | {
                "made_by": self.made_by,
                "stems": list(self.stems),
                "page": f"/listen/{self.id}/" if self.page else None,
            }
        )
