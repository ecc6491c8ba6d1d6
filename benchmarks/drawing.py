"""Pictures of what was measured, for the documentation."""

from __future__ import annotations

from math import log2

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 360, 64, 48
_LINE = 15.0
_COLOURS = {"even": "#8c8c8c", "learned": "#d0312d", "knowing": "#1f6f8b"}


def drawn(points: dict[str, list[tuple[float, float]]]) -> str:
    """Return a picture of the ways of looking: mean delay in hours against calls, both axes logarithmic."""
    xs = [x for ones in points.values() for x, _ in ones]
    ys = [y for ones in points.values() for _, y in ones]
    left, right, low, high = log2(min(xs)), log2(max(xs)), int(log2(min(ys))) - 1, int(log2(max(ys))) + 1

    def at(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (log2(x) - left) / (right - left) * (_WIDTH - _LEFT - 110)
        return across, 16 + (high - log2(y)) / (high - low) * (_HEIGHT - 16 - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="12">',
        "<style>text { font-family: sans-serif }</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]
    for power in range(low, high + 1):
        _, y = at(min(xs), 2.0**power)
        name = f"{2.0**power:g} h"
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 110}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e3e3"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{name}</text>')
    for x_value in sorted(set(xs)):
        x, _ = at(x_value, 1.0)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 28}" text-anchor="middle" fill="#444">{x_value:g}</text>')
    parts.append(
        f'<text x="{(_LEFT + _WIDTH - 110) / 2}" y="{_HEIGHT - 8}" text-anchor="middle" fill="#222">'
        "calls a creator and day</text>"
    )
    for name, ones in points.items():
        places = [at(x, y) for x, y in ones]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{_COLOURS[name]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_COLOURS[name]}"/>' for x, y in places]
    ends = [(at(*ones[-1]), name) for name, ones in points.items()]
    below = 0.0
    for (x, y), name in sorted(ends, key=lambda one: one[0][1]):
        below = max(y + 4, below + _LINE)
        parts.append(f'<text x="{x + 10:.1f}" y="{below:.1f}" fill="{_COLOURS[name]}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])
