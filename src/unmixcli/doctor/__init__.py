"""Find out what works on this machine, what does not, and how to fix it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .finding import Diagnosis, Finding, words
from .formats import audio_formats
from .holdings import folders, models, plugins
from .machine import devices, torchaudio, versions

__all__ = ["Diagnosis", "Finding", "examine"]

_AREAS: dict[str, Callable[[], Iterator[Finding]]] = {
    "versions": versions,
    "devices": devices,
    "torchaudio": torchaudio,
    "formats": audio_formats,
    "folders": folders,
    "plugins": plugins,
    "models": models,
}


def examine() -> Diagnosis:
    """Check versions, devices, libraries, folders, plugins and models.

    Reads the downloaded weights to verify them; downloads nothing and leaves no
    files behind.
    """
    findings: list[Finding] = []
    for area, look in _AREAS.items():
        try:
            findings += look()
        except Exception as error:  # a failing check must not stop the others
            findings.append(
                Finding.of(
                    area, area, "broken", words(error), "pip install --force-reinstall unmixcli"
                )
            )
    return Diagnosis(findings=findings)
