"""Pictures of figures, as SVG written by hand: bars on one scale, and lines over a run."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, LABEL_WIDTH, VALUE_WIDTH, MARGIN, TOP = 860, 200, 130, 24, 64
BAR_HEIGHT, BAR_GAP, PLOT_HEIGHT = 24, 12, 220
MARKS = 4  # on a line chart's upright scale
STYLE = """\
  <style>
    .paper { fill: #ffffff }
    .name { fill: #14202e }
    .title { fill: #14202e; font-weight: 600; font-size: 15px }
    .note { fill: #3b4756; font-size: 12px }
    .grid { stroke: #d5dce5; stroke-width: 1 }
    .other { fill: #9fb1c7 }
    .ours { fill: #b4641c }
    .line { fill: none; stroke-width: 2 }
    .first { stroke: #b4641c; fill: #b4641c }
    .second { stroke: #35608f; fill: #35608f }
    .line.first, .line.second { fill: none }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0f151c }
      .name, .title { fill: #eef3f8 }
      .note { fill: #c5d0dc }
      .grid { stroke: #2b3947 }
      .other { fill: #52657c }
      .ours { fill: #f0a55a }
      .first { stroke: #f0a55a; fill: #f0a55a }
      .second { stroke: #7fb0e6; fill: #7fb0e6 }
    }
  </style>"""


def draw_bars(title: str, note: str, bars: Sequence[tuple[str, float, str, bool]]) -> str:
    """
    A bar a row, on one scale that begins at nothing.

    Each bar is its name, its value > 0, the value as text, and whether it is ours.
    """
    height = TOP + len(bars) * (BAR_HEIGHT + BAR_GAP) + MARGIN
    room = WIDTH - LABEL_WIDTH - VALUE_WIDTH - MARGIN
    most = max(value for _, value, _, _ in bars)
    parts = []
    for number, (name, value, text, ours) in enumerate(bars):
        y = TOP + number * (BAR_HEIGHT + BAR_GAP)
        middle, width = y + BAR_HEIGHT * 0.7, max(1.0, room * value / most)
        parts += [
            f'  <text class="name" x="{LABEL_WIDTH - 10}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>',
            f'  <rect class="{"ours" if ours else "other"}" x="{LABEL_WIDTH}" y="{y}" width="{width:.1f}" '
            f'height="{BAR_HEIGHT}" rx="2"/>',
            f'  <text class="name" x="{LABEL_WIDTH + width + 8:.1f}" y="{middle:.1f}">{escape(text)}</text>',
        ]
    described = "; ".join(f"{name}: {text}" for name, _, text, _ in bars)
    return _picture(title, note, described, height, parts)


def draw_lines(title: str, note: str, steps: Sequence[str], lines: Mapping[str, Sequence[float]]) -> str:
    """Up to two lines over the same steps, on a scale that begins at nothing: what is flat looks flat."""
    left, bottom = 70, TOP + PLOT_HEIGHT
    room = WIDTH - left - VALUE_WIDTH - MARGIN
    most = max(max(values) for values in lines.values()) * 1.1
    parts = []
    for mark in range(MARKS + 1):
        value, y = most * mark / MARKS, bottom - PLOT_HEIGHT * mark / MARKS
        parts.append(f'  <line class="grid" x1="{left}" x2="{left + room}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'  <text class="note" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.1f}</text>')
    places = [left + room * (number + 0.5) / len(steps) for number in range(len(steps))]
    for place, step in zip(places, steps, strict=True):
        parts.append(
            f'  <text class="note" x="{place:.1f}" y="{bottom + 20}" text-anchor="middle">{escape(step)}</text>'
        )
    for kind, (name, values) in zip(("first", "second"), lines.items(), strict=False):
        points = [(x, bottom - PLOT_HEIGHT * value / most) for x, value in zip(places, values, strict=True)]
        parts.append(f'  <polyline class="line {kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
        parts += [f'  <circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]
        parts.append(
            f'  <text class="name" x="{points[-1][0] + 12:.1f}" y="{points[-1][1] + 4:.1f}">{escape(name)}</text>'
        )
    described = "; ".join(f"{name}: {', '.join(f'{value:.2f}' for value in values)}" for name, values in lines.items())
    return _picture(title, note, described, bottom + 44, parts)


def _picture(title: str, note: str, described: str, height: int, parts: Sequence[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            'role="img" aria-labelledby="title desc" font-family="system-ui, \'DejaVu Sans\', sans-serif" '
            'font-size="13">',
            f'  <title id="title">{escape(title)}</title>',
            f'  <desc id="desc">{escape(described)}</desc>',
            STYLE,
            f'  <rect class="paper" width="{WIDTH}" height="{height}" rx="10"/>',
            f'  <text class="title" x="{MARGIN}" y="30">{escape(title)}</text>',
            f'  <text class="note" x="{MARGIN}" y="48">{escape(note)}</text>',
            *parts,
            "</svg>\n",
        ]
    )
