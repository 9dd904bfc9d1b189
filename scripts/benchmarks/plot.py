"""The table as a picture: one pair of bars for each row, by hand, so that nothing needs to be installed."""

from collections.abc import Mapping, Sequence
from typing import Any

WIDTH, LINE, LEFT = 720, 46, 190


def bars(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return an SVG: seconds per step of the plain loop (grey), of ours (blue), and the floor (a line)."""
    size = f'width="{WIDTH}" height="{LINE * len(rows) + 30}"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">']
    out.append('<rect width="100%" height="100%" fill="white"/>')
    for i, row in enumerate(rows):
        plain, ours = row["plain_seconds_per_step"], row["seconds_per_step"]
        unit, top = (WIDTH - LEFT - 130) / max(plain, ours), LINE * i + 10
        out.append(f'<text x="8" y="{top + 20}">{row["backbone"]} {row["size"]} px, {row["optimizer"]}</text>')
        for value, y, colour in ((plain, top, "#999"), (ours, top + 16, "#2a6fb0")):
            out.append(f'<rect x="{LEFT}" y="{y}" width="{value * unit:.1f}" height="14" fill="{colour}"/>')
            out.append(f'<text x="{LEFT + value * unit + 5:.1f}" y="{y + 12}">{value:.3f} s</text>')
        x = LEFT + row["floor_seconds"] * unit
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + 30}" stroke="#c33" stroke-width="2"/>')
    legend = "grey: plain loop; blue: ours; red: floor. Seconds per step, each pair on its own scale"
    out.append(f'<text x="8" y="{LINE * len(rows) + 22}">{legend}</text></svg>')
    return "\n".join(out) + "\n"
