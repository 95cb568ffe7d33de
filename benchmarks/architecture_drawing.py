"""Draws the rooms of the package and their imports, docs/images/architecture.svg, from the source files.

python benchmarks/architecture_drawing.py

Rooms stand in the tiers of tests/architecture_test.py. A line says that the upper room imports the lower one;
where a room imports another one by way of a third, too, that line is left out. `errors` and `text`, which are
open to all, are left out.
"""

import html
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from architecture_test import FILES, OPEN, ROOT, TIERS, imports, room, room_of

OUTPUT = ROOT / "docs" / "images" / "architecture.svg"
WIDTH, BOX, HEIGHT, BETWEEN = 1120, 104, 34, 92
COLOURS = ("#8c6d1f", "#1f7a5c", "#1f5f8c", "#6a3d9a", "#96407a", "#a33b3b")


def import_graph():
    """`{room: rooms that it imports}`, with what is open to all left out."""
    graph = {name: set() for name in TIERS if name not in OPEN}
    for path in FILES:
        if (own := room_of(path)) in graph:
            graph[own] |= {room(dotted) for dotted in imports(path)} & graph.keys() - {own}
    return graph


def reachable(graph, start):
    """All rooms that a room needs, by way of others too."""
    found, left = set(), list(graph[start])
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += graph[name]
    return found


def reduced(graph):
    """The graph without imports that a longer way says, too."""
    return {
        name: {one for one in targets if not any(one in reachable(graph, other) for other in targets - {one})}
        for name, targets in graph.items()
    }


def rows_of(graph):
    """Names of each tier from left to right, near what they import; swept a few times."""
    rows = [sorted(name for name in graph if TIERS[name] == tier) for tier in range(max(TIERS.values()) + 1)]
    for _ in range(12):
        at = {name: (i + 0.5) / len(row) for row in rows for i, name in enumerate(row)}
        for row in rows:
            means = {}
            for name in row:
                near = [at[one] for one in graph[name]] + [at[one] for one in graph if name in graph[one]]
                means[name] = sum(near) / len(near) if near else at[name]
            row.sort(key=lambda name, means=means: (means[name], name))
    return rows


def draw(graph):
    """The drawing as SVG."""
    rows = rows_of(graph)
    place = {}
    for tier, row in enumerate(rows):
        y = 24 + (len(rows) - 1 - tier) * BETWEEN
        place |= {name: (40 + (i + 0.5) * (WIDTH - 40) / len(row), y) for i, name in enumerate(row)}
    height = 24 + (len(rows) - 1) * BETWEEN + HEIGHT + 44
    lines, boxes = [], []
    for name, (x, y) in place.items():
        colour = COLOURS[TIERS[name]]
        for one in sorted(graph[name]):
            to_x, to_y = place[one]
            middle = (y + HEIGHT + to_y) / 2
            lines.append(
                f'<path d="M{x:.0f} {y + HEIGHT} C{x:.0f} {middle:.0f} {to_x:.0f} {middle:.0f} '
                f'{to_x:.0f} {to_y}" stroke="{colour}"><title>{name} imports {one}</title></path>'
            )
        boxes.append(
            f'<rect x="{x - BOX / 2:.0f}" y="{y}" width="{BOX}" height="{HEIGHT}" rx="5" fill="{colour}"/>'
            f'<text x="{x:.0f}" y="{y + 22}" text-anchor="middle" fill="#fff">{html.escape(name)}</text>'
        )
    tiers = [
        f'<text x="6" y="{24 + (len(rows) - 1 - tier) * BETWEEN + 22}" fill="#555">{tier}</text>'
        for tier in range(len(rows))
    ]
    note = f"Open to all: {', '.join(OPEN)}. An import that a longer way says, too, has no line of its own."
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            'font-family="Helvetica, Arial, sans-serif" font-size="14">',
            "<title>Rooms of dualatme_keras by tier, and what each imports</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            '<g fill="none" stroke-width="1.4" stroke-opacity="0.75">',
            *lines,
            "</g>",
            *boxes,
            *tiers,
            f'<text x="40" y="{height - 12}" fill="#555">{html.escape(note)}</text>',
            "</svg>",
            "",
        )
    )


if __name__ == "__main__":
    OUTPUT.write_text(draw(reduced(import_graph())), encoding="utf-8")
