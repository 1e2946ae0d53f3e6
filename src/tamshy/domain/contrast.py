"""How well a colour can be told from another: the ratio of WCAG 2, from 1 to 21."""

from __future__ import annotations

from typing import Final

WHITE: Final = "#FFFFFF"
_STEPS: Final = 100


def contrast(one: str, other: str) -> float:
    """The ratio of two colours, ``#RRGGBB``."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable_on(colour: str, ground: str, least: float) -> str:
    """The colour itself where it can be read on the ground, else the nearest on its way to black or white that can."""
    goal = 0 if _luminance(ground) > 0.18 else 255  # noqa: PLR2004 - where black and white can be read equally well
    own = _parts(colour)
    for step in range(_STEPS + 1):
        mixed = "#" + "".join(f"{round(part + (goal - part) * step / _STEPS):02X}" for part in own)
        if contrast(mixed, ground) >= least:
            return mixed
    return "#000000" if goal == 0 else WHITE


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - the standard's own
