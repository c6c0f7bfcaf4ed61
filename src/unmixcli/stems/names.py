"""Work out the paths of a recording's stems from a template."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..files.portable import portable
from ..words import display
from .manifest import MANIFEST

_LONGEST_PART = 220
"""Bytes of the name of a file or folder: 255, less what a temporary name adds."""
_LONGEST = 160
"""Longest part of a name from one field, in bytes; file systems allow 255 in all."""


@dataclass(frozen=True)
class Namer:
    """Names the files of all recordings of a run.

    Parameters
    ----------
    template : str
        For example ``{track}/{target}.{ext}``.
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
    def of(
        cls,
        template: str | None,
        outdir: Path | None,
        model: str,
        extension: str,
        stems: Collection[str],
    ) -> Namer:
        """Use the given template, or the default one.

        Raises
        ------
        UsageError
            If the template gives all stems the same name.
        """
        if template is None:
            folder = "{track}" if outdir else "{track}_{model}"
            template = f"{folder}/{{target}}.{{ext}}"
        if len(stems) > 1 and "{target}" not in template:
            raise UsageError(
                f"{', '.join(stems)} would all have the same name: put {{target}} into --filename"
            )
        return cls(template, outdir or Path(), model, extension)

    def spelt_out(self, recording: Path) -> Path:
        """Return a name for a recording whose track is the recording's name with its extension."""
        return recording.with_name(f"{recording.name}.{self.extension}")

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
            ``artist`` and ``title``, if known.
        subfolder : Path
            Folder below the output folder, for recordings found in sub-folders.

        Raises
        ------
        UsageError
            If two stems would have the same name.
        """
        root = self._below(subfolder)
        paths = {
            stem: root / self._render(self.template, recording, stem, tags or {}) for stem in stems
        }
        seen: dict[str, str] = {}
        for stem, path in paths.items():
            # Some file systems ignore case.
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
        """Return the path of the record of a recording's stems, beside the first stem.

        It is ``.unmix.json`` if the recording has its own folder; otherwise its
        name starts with the part that the names of the stems share.
        """
        folder, _, name = self.template.replace("\\", "/").rpartition("/")
        own = name.replace("{target}", "").replace("{ext}", MANIFEST).replace("{model}", "")
        own = own if own.startswith(".") else f".{own}"
        # If each target has a folder for all recordings, use the folder of the first target.
        folder = folder.replace("{target}", "").replace("//", "/").strip("/")
        parts = f"{folder}/{own}" if folder else own
        return self._below(subfolder) / self._render(parts, recording, "", tags or {})

    def _below(self, subfolder: Path) -> Path:
        return self.outdir.joinpath(*map(portable, subfolder.parts))

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
        return Path(*(portable(_fit(part)) for part in re.split(r"[/\\]", name)))


def _fit(part: str) -> str:
    """Shorten the name of a file or folder to what file systems take, but for its extension."""
    stem, dot, extension = part.rpartition(".")
    if not dot or len(extension) > 16:
        stem, dot, extension = part, "", ""
    room = _LONGEST_PART - len(dot + extension)
    stem = stem[:room]  # each character has at least one byte
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return f"{stem}{dot}{extension}"


def _clean(value: str, instead: str) -> str:
    """Turn any text into part of a file name."""
    # Keep control characters out of file names. A title may have a million characters.
    value = value[: 2 * _LONGEST]
    text = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in value).strip()
    if text.strip(".") == "":
        text = ""
    while len(text.encode("utf-8", "surrogateescape")) > _LONGEST:
        text = text[:-1]
    return text.strip() or instead
