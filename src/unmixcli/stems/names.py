"""Where the stems of a recording go: a template and what it names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import OutputError, UsageError
from ..options.config import SeparationConfig
from ..words import display
from .manifest import MANIFEST

_LONGEST = 160
"""Bytes of a name that come from one field; file systems take 255 in all."""


@dataclass(frozen=True)
class Namer:
    """Names the files of every recording of a run.

    Parameters
    ----------
    template : str
        Such as ``{track}/{target}.{ext}``.
    outdir : Path
    model, extension : str

    Attributes
    ----------
    needs_tags : bool
        Whether names depend on the recording's tags.
    """

    template: str
    outdir: Path
    model: str
    extension: str

    @classmethod
    def of(cls, config: SeparationConfig, model: str, stems: Collection[str]) -> Namer:
        """Name stems as a config wants it.

        Raises
        ------
        UsageError
            If its template calls all stems the same.
        """
        template = config.filename
        if template is None:
            folder = "{track}" if config.outdir else "{track}_{model}"
            template = f"{folder}/{{target}}.{{ext}}"
        if len(stems) > 1 and "{target}" not in template:
            raise UsageError(
                f"{', '.join(stems)} would all have one name: put {{target}} into --filename"
            )
        return cls(template, config.outdir or Path(), model, config.format)

    @property
    def needs_tags(self) -> bool:
        return "{artist}" in self.template or "{title}" in self.template

    def paths(
        self,
        recording: Path,
        stems: Iterable[str],
        tags: Mapping[str, str] | None = None,
        subfolder: Path = Path(),
    ) -> dict[str, Path]:
        """Return where each stem of a recording goes.

        Parameters
        ----------
        recording : Path
        stems : iterable of str
        tags : mapping of str to str, optional
            ``artist`` and ``title``, where there are any.
        subfolder : Path
            Below the output folder, for recordings found in sub-folders.

        Raises
        ------
        UsageError
            If two stems would have the same name.
        """
        root = self.outdir / subfolder
        paths = {
            stem: root / self._render(self.template, recording, stem, tags or {}) for stem in stems
        }
        seen: dict[str, str] = {}
        for stem, path in paths.items():
            # As a file system that ignores case would compare them.
            other = seen.setdefault(str(path).casefold(), stem)
            if other != stem:
                raise UsageError(
                    f"{other} and {stem} would both be {display(path)}: "
                    "put {target} into --filename"
                )
        return paths

    def manifest(
        self, recording: Path, tags: Mapping[str, str] | None = None, subfolder: Path = Path()
    ) -> Path:
        """Return where the record of a recording's stems lies: beside the first of them.

        It is ``.unmix.json`` where the recording has a folder of its own, and
        has the recording's part of the stems' names in its own otherwise.
        """
        folder, _, name = self.template.replace("\\", "/").rpartition("/")
        own = name.replace("{target}", "").replace("{ext}", MANIFEST).replace("{model}", "")
        own = own if own.startswith(".") else f".{own}"
        # A folder for each target is shared by all recordings: there, the first one's will do.
        folder = folder.replace("{target}", "").replace("//", "/").strip("/")
        parts = f"{folder}/{own}" if folder else own
        return self.outdir / subfolder / self._render(parts, recording, "", tags or {})

    def _render(self, template: str, recording: Path, stem: str, tags: Mapping[str, str]) -> Path:
        track = _clean(recording.stem, "track")
        values = {
            "track": track,
            "target": stem,
            "model": self.model,
            "ext": self.extension,
            "artist": _clean(tags.get("artist", ""), "unknown artist"),
            "title": _clean(tags.get("title", ""), track),
            "folder": _clean(recording.absolute().parent.name, "folder"),
        }
        name = re.sub(r"\{(\w+)\}", lambda field: values[field[1]], template)
        return Path(*re.split(r"[/\\]", name))


class Claims:
    """The files that the recordings of one run are going to write."""

    def __init__(self) -> None:
        self._owners: dict[str, Path] = {}

    def claim(self, recording: Path, paths: Iterable[Path]) -> None:
        """Note that a recording is going to write these files.

        Raises
        ------
        OutputError
            If another recording of the run has one of them.
        """
        keys = [str(path.absolute()).casefold() for path in paths]
        for key in keys:
            other = self._owners.get(key)
            if other is not None:
                raise OutputError(
                    f"{display(recording)} was left out: its stems would have the same names as "
                    f"those of {display(other)}; separate it by itself with another --outdir, "
                    "or put {folder} into --filename"
                )
        self._owners.update(dict.fromkeys(keys, recording))


def _clean(value: str, instead: str) -> str:
    """Make part of a file name of any text."""
    # What a shell or another program would read as control characters is no name.
    text = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in value).strip()
    if text.strip(".") == "":
        text = ""
    while len(text.encode("utf-8", "surrogateescape")) > _LONGEST:
        text = text[:-1]
    return text.strip() or instead
