"""Settings that a fold chooses for itself, on its own training subjects: nested cross-validation.

What a fold is tested on takes no part: a candidate is trained and asked within the fold's training subjects,
each of whom it answers for once without having seen them.
"""

import dataclasses
import itertools
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from dualatme_keras.choices import MODELS, PRESETS, PUBLISHED_RECIPE, training_recipe
from dualatme_keras.data import Fold
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import read_json
from dualatme_keras.metrics.pooled import SCORE_FUNCTIONS, confusion_matrix
from dualatme_keras.training.config import OF_PRESETS, TrainConfig
from dualatme_keras.training.divergence import Diverged
from dualatme_keras.training.fold_trainer import fold_seed

_KINDS = {"model": "", "preset": "", "flow_normalization": False, **PUBLISHED_RECIPE}
SELECTABLE = tuple(_KINDS)
"""Settings that a fold may choose: the network and how it is trained."""


def read_candidates(path: str | os.PathLike, config: TrainConfig) -> dict[str, dict]:
    """Reads what there is to choose from.

    Args:
        path: a JSON file: settings by name, `{"net": {"preset": "plus"}, "line": {"model": "linear"}}`, or
            values by setting, of which every combination is a candidate, `{"epochs": [20, 60]}`.
        config: the run's settings, which hold where a candidate says nothing.

    Returns:
        The settings of each candidate, two or more, by a name for each.

    Raises:
        DualATMEError: the file is no such file, or a candidate is no setting of a run.
    """
    try:
        content = read_json(path)
    except OSError as error:
        raise DualATMEError(
            f"Expected `select` to be a readable file. Received: {path} ({error})."
        ) from error
    kinds = {type(values) for values in content.values()}
    if kinds == {list}:
        rows = [dict(zip(content, row, strict=True)) for row in itertools.product(*content.values())]
        content = {", ".join(f"{name}={value}" for name, value in row.items()): row for row in rows}
    elif kinds - {dict}:
        raise DualATMEError(
            f'{path}: Expected settings by name, {{"short": {{"epochs": 20}}, "long": {{"epochs": 60}}}}, or '
            f'values by setting, {{"epochs": [20, 60]}}. Received: {content}.'
        )
    if len(content) < 2:
        raise DualATMEError(f"{path}: Expected two candidates or more. Received: {len(content)}.")
    for name, candidate in content.items():
        if unknown := [setting for setting in candidate if setting not in SELECTABLE]:
            raise DualATMEError(
                f"{path}, {name}: Expected settings out of {', '.join(SELECTABLE)}. "
                f"Received: {', '.join(unknown)}."
            )
        for setting, value in candidate.items():
            kind = type(_KINDS[setting])
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise DualATMEError(
                    f"{path}, {name}: Expected `{setting}` to be of type {kind.__name__}. "
                    f"Received: {value!r}."
                )
        try:
            candidate_config(config, candidate)
        except DualATMEError as error:
            raise DualATMEError(f"{path}, {name}: {error}") from error
        if same := [other for other in content if other != name and content[other] == candidate]:
            raise DualATMEError(
                f"{path}: Expected different candidates. Received: {name} and {same[0]} alike."
            )
    return content


def candidate_config(config: TrainConfig, candidate: Mapping) -> TrainConfig:
    """The settings of a run as a candidate would have them; what is of presets is not another network's."""
    others = {"select": None}
    model, preset, solver = (
        candidate.get(name, getattr(config, name)) for name in ("model", "preset", "solver")
    )
    known = model in MODELS and preset in PRESETS
    if (solver or (known and training_recipe(model, preset)["solver"])) == "logistic":
        others |= {"jit_compile": False, "steps_per_execution": 1}  # for the candidates that take steps
    if candidate.get("model", "dualatme") != "dualatme":
        others |= {name: TrainConfig.__dataclass_fields__[name].default for name in OF_PRESETS}
    return dataclasses.replace(config, **{**others, **candidate})


def describe_candidates(candidates: Mapping[str, Mapping], configs: Sequence[TrainConfig]) -> dict:
    """What a run records of its candidates: all settings that each comes to, and their order, which decides
    among equals.

    Args:
        candidates: settings of each by name; none where folds choose nothing.
        configs: the settings of a run as each candidate has them, resolved.
    """
    if not candidates:
        return {"candidates": None}
    # Beside what earlier versions recorded: their runs lack it, and may be continued despite that.
    settings = [{name: getattr(config, name) for name in SELECTABLE} for config in configs]
    return {
        "candidates": dict(candidates),
        "settings_of_candidates": dict(zip(candidates, settings, strict=True)),
        "order_of_candidates": list(candidates),
    }


def inner_folds(fold: Fold, splits: int, seed: int) -> tuple[Fold, ...]:
    """Divides the training subjects of a fold into parts that are left out one after the other.

    Args:
        fold: a fold; its test clips are not looked at.
        splits: number of parts. No person is in two of them; classes are as even as that allows.
        seed: of the division.

    Returns:
        Folds named `NAME/1`, `NAME/2`, ...

    Raises:
        DualATMEError: there are too few subjects.
    """
    people = [f"{clip.database}/{clip.subject}" for clip in fold.train]
    if len(set(people)) < splits:
        raise DualATMEError(
            f"fold {fold.name}: Expected at least {splits} subjects to choose settings on, one for each of "
            f"`select_splits`. Received: {len(set(people))}."
        )
    labels = [clip.label for clip in fold.train]
    parts = StratifiedGroupKFold(splits, shuffle=True, random_state=fold_seed(seed, fold.name))
    with warnings.catch_warnings():
        # Of a class with fewer clips than parts: as even as it gets.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        rows = [*parts.split(labels, labels, people)]
    folds = tuple(
        Fold(
            f"{fold.name}/{number}",
            train=tuple(fold.train[row] for row in train),
            test=tuple(fold.train[row] for row in test),
        )
        for number, (train, test) in enumerate(rows, start=1)
    )
    if not all(one.train and one.test for one in folds):
        raise DualATMEError(
            f"fold {fold.name}: Expected training subjects that can be divided into `select_splits="
            f"{splits}` parts. Received: a part without clips. Divide them into fewer."
        )
    return folds


def choose(
    candidates: Mapping[str, Mapping],
    answer: Callable[[str, Fold], np.ndarray],
    folds: Sequence[Fold],
    num_classes: int,
) -> list[dict]:
    """Tries every candidate and chooses the one with the highest mean of UF1 and UAR, the first of equals.

    Args:
        candidates: settings of each by name.
        answer: called with the name of a candidate and an inner fold: trains it there and returns the
            probabilities of the fold's test clips, `(clips, classes)`.
        folds: inner folds, see `inner_folds`.
        num_classes: number of classes.

    Returns:
        For each candidate `{"name", "settings", "uf1", "uar", "chosen"}`; scores are pooled over the inner
        folds, and None where training diverged.

    Raises:
        DualATMEError: every candidate diverged.
    """
    tried = []
    labels = np.array([clip.label for fold in folds for clip in fold.test])
    for name, candidate in candidates.items():
        scores = dict.fromkeys(("uf1", "uar"))
        try:
            told = np.concatenate([answer(name, fold).argmax(axis=-1) for fold in folds])
        except Diverged as error:
            # Not hidden: it stands in the record, and where it happens to all of them it ends the run.
            reason = error
        else:
            confusion = confusion_matrix(labels, told, num_classes)
            scores = {score: float(SCORE_FUNCTIONS[score](confusion)) for score in scores}
        tried.append({"name": name, "settings": dict(candidate), **scores, "chosen": False})
    finite = [row for row in tried if row["uf1"] is not None]
    if not finite:
        raise reason
    max(finite, key=lambda row: math.fsum((row["uf1"], row["uar"])))["chosen"] = True
    return tried
