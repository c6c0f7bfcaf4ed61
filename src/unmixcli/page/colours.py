"""The colours of the stems, on a light and on a dark background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .png import Colour


@dataclass(frozen=True)
class Hue:
    """A stem's colour in both schemes."""

    light: Colour
    dark: Colour


HUES = (
    Hue((196, 46, 96), (255, 120, 158)),
    Hue((12, 112, 180), (92, 182, 255)),
    Hue((98, 74, 196), (172, 152, 255)),
    Hue((8, 122, 92), (74, 208, 160)),
    Hue((176, 92, 8), (255, 176, 84)),
    Hue((128, 52, 140), (226, 138, 240)),
    Hue((84, 108, 12), (178, 208, 82)),
    Hue((80, 92, 110), (166, 180, 200)),
)
"""Colours by the number of the stem; they repeat."""

MIXTURE = Hue((88, 90, 96), (186, 190, 200))
"""The colour of the mixture."""

_LIGHT_GROUND, _LIGHT_TOP = (246, 246, 243), (24, 12, 30)
_DARK_GROUND, _DARK_TOP = (18, 19, 23), (255, 252, 240)


def hue_of(number: int) -> Hue:
    """Return the colour of a stem by its number."""
    return HUES[number % len(HUES)]


def ramp(hue: Hue, dark: bool, levels: int) -> list[Colour]:
    """Return the shades of a spectrogram, from the background through the hue to the loudest."""
    ground, top = (_DARK_GROUND, _DARK_TOP) if dark else (_LIGHT_GROUND, _LIGHT_TOP)
    stops = np.array([ground, hue.dark if dark else hue.light, top], float)
    at = np.linspace(0, 1, levels)
    parts = [np.interp(at, [0, 0.62, 1], channel) for channel in stops.T]
    return [(int(r), int(g), int(b)) for r, g, b in np.rint(np.stack(parts, axis=-1))]


def css(stems: int) -> str:
    """Return rules that give each stem, and the mixture, its ``--colour``."""
    lanes = [(f".stem-{number}", hue_of(number)) for number in range(stems)]
    lanes.append((".mixture", MIXTURE))
    light = [_rule(lane, hue.light, "#ffffff") for lane, hue in lanes]
    dark = [_rule(lane, hue.dark, "#10131a") for lane, hue in lanes]
    return "\n".join([*light, "@media (prefers-color-scheme: dark) {", *dark, "}"])


def _rule(lane: str, colour: Colour, on: str) -> str:
    red, green, blue = colour
    return f"{lane} {{ --colour: #{red:02x}{green:02x}{blue:02x}; --on-colour: {on}; }}"
