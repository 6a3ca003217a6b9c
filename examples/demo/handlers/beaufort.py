"""The Beaufort scale: names, limits, and the wind barbs that draw it."""

from __future__ import annotations

from dataclasses import dataclass

METRES_PER_SECOND = 1852 / 3600  # one knot is one nautical mile an hour
MAX_KNOTS = 250.0


@dataclass(frozen=True)
class Force:
    """One step of the scale; ``knots`` is its lowest whole speed."""

    force: int
    name: str
    knots: int
    signs: str


SCALE = (
    Force(0, "Calm", 0, "Smoke climbs straight up. The water holds your reflection."),
    Force(1, "Light air", 1, "Smoke leans over. The weather vane has not noticed."),
    Force(2, "Light breeze", 4, "You feel it on your face, and leaves whisper."),
    Force(3, "Gentle breeze", 7, "Small flags lift. The first glassy crests."),
    Force(4, "Moderate breeze", 11, "Paper leaves the table, small branches stir."),
    Force(5, "Fresh breeze", 17, "Little trees sway. Every wave wears white."),
    Force(6, "Strong breeze", 22, "Wires hum, and umbrellas argue back."),
    Force(7, "Near gale", 28, "Whole trees move. Walking becomes leaning."),
    Force(8, "Gale", 34, "Twigs snap off, spray flies in streaks."),
    Force(9, "Strong gale", 41, "Roof tiles come loose, crests topple and roll."),
    Force(10, "Storm", 48, "Trees come down. The sea turns white."),
    Force(11, "Violent storm", 56, "Ships are lost to sight behind the waves."),
    Force(12, "Hurricane", 64, "Nobody can say where the water ends and the air begins."),
)


def force_of(knots: float) -> Force:
    """Return the step of the scale that a speed in knots belongs to."""
    return max((step for step in SCALE if step.knots <= round(knots)), key=lambda s: s.force)


# The speed each force is drawn with, in knots: a half barb is 5, a barb 10, a pennant 50.
DRAWN_KNOTS = (0, 0, 5, 10, 15, 20, 25, 30, 35, 45, 50, 60, 65)


def _barb(force: int) -> str:
    pennants, rest = divmod(DRAWN_KNOTS[force], 50)
    barbs, half = divmod(rest, 10)
    if force == 0:
        shapes = ['<circle cx="6" cy="16" r="2"/><circle cx="6" cy="16" r="5"/>']
    else:
        shapes = ['<circle cx="6" cy="20" r="2.5"/><path d="M8.5 20H38"/>']
    x = 38.0  # barbs are set from the tip of the staff inward, the heaviest first
    for _ in range(pennants):
        shapes.append(f'<path class="pennant" d="M{x} 20l3-13.5l-9 13.5z"/>')
        x -= 11.5
    for _ in range(barbs):
        shapes.append(f'<path d="M{x} 20l4.5-13.5"/>')
        x -= 5.5
    if half:
        inset = 0 if pennants or barbs else 5.5  # alone at the tip it would look like a full one
        shapes.append(f'<path d="M{x - inset} 20l2.25-6.75"/>')
    return f'<symbol id="barb-{force}" viewBox="0 0 44 26">{"".join(shapes)}</symbol>'


BARB_SYMBOLS = "".join(_barb(step.force) for step in SCALE)


def barb(force: int) -> str:
    """Return the markup that draws one wind barb; a page holds the symbols once."""
    return f'<svg class="barb" aria-hidden="true"><use href="#barb-{force}"/></svg>'
