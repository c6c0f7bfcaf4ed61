"""Names that every file system takes, so that stems can be copied to any machine."""

from __future__ import annotations

import os

from pathvalidate import is_valid_filename, sanitize_filename


def portable(name: str) -> str:
    r"""Replace in the name of a file or folder what Windows refuses.

    Those are the characters ``: ? " * < > |``, names of devices such as COM1
    with any extension, and a dot or space at the end.

    >>> portable('What? A "b".'), portable("COM1.wav"), portable("aux .wav")
    ('What_ A _b_', 'COM1_.wav', 'aux_.wav')
    """
    if not name.isascii():
        # A name that is no UTF-8 keeps its bytes; the library cannot encode it.
        raw = os.fsencode(name) if os.name == "posix" else name.encode("utf-8", "replace")
        if raw.decode("utf-8", "replace") != name:
            return portable(raw.decode("latin-1")).encode("latin-1").decode("utf-8", _ESCAPE)
    text = sanitize_filename(name, replacement_text="_", platform="windows", max_len=_ANY)
    base, dot, rest = text.rstrip(". ").partition(".")
    if base.strip() and not is_valid_filename(base.rstrip(), platform="windows", max_len=_ANY):
        base = f"{base.rstrip()}_"
    return f"{base}{dot}{rest}" or "_"


_ANY = 1_000_000
_ESCAPE = "surrogateescape"
