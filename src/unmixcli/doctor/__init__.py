"""What works on this machine and what does not, with how to mend it."""

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
    """Look at versions, devices, libraries, folders, plugins and models.

    Reads the weights that are here to verify them; fetches nothing and leaves
    nothing behind.
    """
    findings: list[Finding] = []
    for area, look in _AREAS.items():
        try:
            findings += look()
        except Exception as error:  # a doctor that falls ill too helps nobody
            findings.append(
                Finding.of(
                    area, area, "broken", words(error), "pip install --force-reinstall unmixcli"
                )
            )
    return Diagnosis(findings=findings)
