"""Tier 3: what people look at, computed from a run's predictions.csv alone."""

from dualatme_keras.evaluation.action_units import (
    format_action_units,
    read_action_units,
    score_action_units,
)
from dualatme_keras.evaluation.challenge_log import clip_name, format_challenge_log
from dualatme_keras.evaluation.comparison import compare_predictions, compare_runs, format_comparison
from dualatme_keras.evaluation.run import evaluate_run
from dualatme_keras.evaluation.seeds import find_seeds, format_seeds, score_seeds
from dualatme_keras.evaluation.spotting import (
    EmotionScores,
    SpottingScores,
    format_spotting,
    score_spotting,
)
from dualatme_keras.evaluation.tables import format_table
from dualatme_keras.runs import score_predictions

__all__ = [
    "EmotionScores",
    "SpottingScores",
    "clip_name",
    "compare_predictions",
    "compare_runs",
    "evaluate_run",
    "find_seeds",
    "format_action_units",
    "format_challenge_log",
    "format_comparison",
    "format_seeds",
    "format_spotting",
    "format_table",
    "read_action_units",
    "score_action_units",
    "score_predictions",
    "score_seeds",
    "score_spotting",
]
