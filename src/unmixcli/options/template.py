"""Name templates such as ``{artist}/{track} {target}.{ext}``."""

from __future__ import annotations

import re

FIELDS = ("track", "target", "model", "ext", "artist", "title", "folder")
"""The fields that a template may contain."""

_FIELD = re.compile(r"\{(\w*)\}")


def check_template(template: str) -> str:
    """Return the template, or refuse one that could leave the output folder."""
    if template.startswith("~"):
        raise ValueError("start with a folder below --outdir, not with ~")
    names = _FIELD.findall(template)
    for name in names:
        if name not in FIELDS:
            raise ValueError(
                f"{{{name}}} is not a field; use {' '.join(f'{{{field}}}' for field in FIELDS)}"
            )
    rest = _FIELD.sub("", template)
    if "{" in rest or "}" in rest:
        raise ValueError("it has an unpaired brace; write fields as {track}")
    if not template.isprintable():
        raise ValueError("it contains a character that cannot be printed")
    parts = re.split(r"[/\\]", template)
    if not parts[0] or re.match(r"[A-Za-z]:", template) or ".." in parts:
        raise ValueError("it must stay inside the output folder: no absolute path and no ..")
    if not template.endswith(".{ext}"):
        raise ValueError("it must end in .{ext}")
    if not parts[-1].removesuffix(".{ext}").strip(". "):
        raise ValueError("the file has no name before .{ext}")
    return template
