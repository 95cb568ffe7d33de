"""Scores as text."""

from dualatme_keras.megc2019 import database_title

SCORES = {"uf1": "UF1", "uar": "UAR", "accuracy": "accuracy"}
"""Key in metrics.json -> title of a score."""


PART_OF_PROTOCOL = "{}: scores of a part, not of the whole protocol"
"""What is said of scores of which folds are missing."""


_FEW_SUBJECTS = 10
"""Below it an interval has few different resamples (462 of six subjects) and is too narrow as a rule. The
smallest database of MEGC2019 has 16 subjects."""


def format_score(value: float, digits: int = 4) -> str:
    """A score in [0, 1] as papers print it: `.6933`, `1.0000`."""
    return f"{value:.{digits}f}".removeprefix("0")


def format_interval(interval) -> str:
    """`[.62, .75]`, or nothing where there is no interval."""
    return "" if interval is None else "[" + ", ".join(format_score(end, 2) for end in interval) + "]"


def format_folds(scores: dict) -> str:
    """`3 of 68`: how many folds of the protocol one part's scores are about; `?` where it is not known."""
    folds = scores.get("folds")
    return f"{folds['answered']} of {folds['of']}" if folds else "?"


def missing_folds(metrics: dict) -> str | None:
    """`3 of 68 folds` where scores are those of a part of a protocol; None where of all or not known."""
    folds = metrics["full"].get("folds")
    return f"{format_folds(metrics['full'])} folds" if folds and folds["answered"] < folds["of"] else None


def few_subjects(metrics: dict) -> str | None:
    """What is said of intervals over too few subjects; None where there are none."""
    parts = [
        database_title(part)
        for part, scores in metrics.items()
        if scores["subjects"] < _FEW_SUBJECTS and scores["intervals"]["uf1"] is not None
    ]
    if not parts:
        return None
    return f"Intervals over fewer than {_FEW_SUBJECTS} subjects say little: {', '.join(parts)}"


def format_table(metrics: dict) -> str:
    """The scores as a table for a terminal.

    Args:
        metrics: scores by part as `metrics.pooled_scores` returns them, perhaps with `folds`.

    Returns:
        One line for the titles and one for each part: UF1, UAR and accuracy, each with its 95% interval
        over subjects, clips, subjects. Where folds are missing, a column says how many are there and a line
        below that they are missing. Another line names the intervals over too few subjects. No newline at
        the end.
    """
    missing = missing_folds(metrics)
    rows = [("", *SCORES.values(), "clips", "subjects", *["folds"] * bool(missing))]
    for part, scores in metrics.items():
        cells = [f"{format_score(scores[key])} {format_interval(scores['intervals'][key])}" for key in SCORES]
        counts = [str(scores["samples"]), str(scores["subjects"]), *[format_folds(scores)] * bool(missing)]
        rows.append((database_title(part), *cells, *counts))
    lines = align_columns(rows, counts=3 if missing else 2)
    notes = (missing and PART_OF_PROTOCOL.format(missing), few_subjects(metrics))
    return "\n".join([*lines, *filter(None, notes)])


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
