"""Scores as text."""

from dualatme_keras.protocol import DATABASE_TITLES

SCORES = {"uf1": "UF1", "uar": "UAR", "accuracy": "accuracy"}
"""Key in metrics.json -> title of a score."""


def format_score(value: float, digits: int = 4) -> str:
    """A score in [0, 1] as papers print it: `.6933`, `1.0000`."""
    return f"{value:.{digits}f}".removeprefix("0")


def format_interval(interval) -> str:
    """`[.62, .75]`, or nothing where there is no interval."""
    return "" if interval is None else "[" + ", ".join(format_score(end, 2) for end in interval) + "]"


def format_table(metrics: dict) -> str:
    """The scores as a table for a terminal.

    Args:
        metrics: scores by part as `metrics.pooled_scores` returns them.

    Returns:
        One line for the titles and one for each part: UF1, UAR and accuracy, each with its 95% interval
        over subjects, clips, subjects. No newline at the end.
    """
    rows = [("", *SCORES.values(), "clips", "subjects")]
    for part, scores in metrics.items():
        cells = [f"{format_score(scores[key])} {format_interval(scores['intervals'][key])}" for key in SCORES]
        rows.append((DATABASE_TITLES[part], *cells, str(scores["samples"]), str(scores["subjects"])))
    return "\n".join(align_columns(rows, counts=2))


def align_columns(rows, counts: int = 0) -> list[str]:
    """Rows of texts as lines of equal columns: to the left, the last `counts` columns to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if index >= len(row) - counts else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
