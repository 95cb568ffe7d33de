"""The whole experiment: one training per fold, predictions pooled, scored once."""

import contextlib
import dataclasses
import hashlib
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from dualatme_keras.data import Fold, audit, make_folds, read_ground_truth
from dualatme_keras.data.folds import clips_of
from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing import SETTINGS_FILE, read_settings
from dualatme_keras.runs import FINAL, Predictions, begin_run, concatenate, score_predictions
from dualatme_keras.training.config import MAY_DIFFER, TrainConfig
from dualatme_keras.training.devices import (
    check_tensorboard,
    describe_computation,
    describe_environment,
    prepare_devices,
)
from dualatme_keras.training.extensions import Extensions
from dualatme_keras.training.fold_runner import FoldRunner
from dualatme_keras.training.initial_weights import weights_digest
from dualatme_keras.training.lists import read_training_lists
from dualatme_keras.training.progress import Progress
from dualatme_keras.training.selection import (
    candidate_config,
    describe_candidates,
    inner_folds,
    read_candidates,
)


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a run leaves.

    Attributes:
        workdir: its folder.
        metrics: scores as in metrics.json, see `metrics.pooled_scores`.
        predictions: pooled over all finished folds.
        final_model: path of the network trained on all clips, or None where none was asked for, or diverged.
        diverged: how the training of each fold went wrong that is missing, with `keep_going`.
    """

    workdir: Path
    metrics: dict
    predictions: Predictions
    final_model: Path | None
    diverged: dict[str, str] = dataclasses.field(default_factory=dict)


def run_loso(
    config: TrainConfig,
    new_model: Callable[[], keras.Model] | None = None,
    callbacks: Callable[[Fold], Sequence[keras.callbacks.Callback]] | None = None,
    augment: Callable | keras.Layer | None = None,
    verbose: int = 1,
) -> RunResult:
    """Trains and tests every fold of the protocol and scores the pooled predictions.

    Finished folds of an earlier run with the same settings are kept. Writes `config.json`,
    `environment.json`, `folds.csv`, `folds/`, `predictions.csv`, `metrics.json` and, with `final_model`,
    `final/` into the run's folder. The last epoch is evaluated; the test fold chooses nothing.

    Continuing a run with another network, other callbacks or another augmentation is refused. config.json
    knows a network and a layer by `get_config()`, but a function by its name alone: choose another folder
    after changing one. Unless `workers=1`, all three are sent to processes by cloudpickle. Open files, locks
    and generators cannot be sent; callbacks stay there, so what they collect does not come back.

    A run that is interrupted goes on at the last saved epoch of each fold, see `Checkpoint`; with `callbacks`
    or several devices, a fold that was not finished begins anew.

    Args:
        config: the settings.
        new_model: makes the network, a new one of the same architecture at each call: a `keras.Model` with
            inputs `entire`, `puzzled` or both, float32 `(batch, size, size, 3)` in [-1, 1], that gives logits
            `(batch, 3)`. What is random in it comes from Keras or Python's `random`, which the fold's seed
            seeds; `precision` is its dtype policy. It is saved as `.keras` files, which `Recognizer` and
            exports do not take unless it is a `DualATME`. Defaults to the preset of `config`.
        callbacks: called with each fold (without its test clips, which choose nothing; the final network's is
            named `final`), returns a list of new Keras callbacks. Defaults to none.
        augment: changes the images of training batches, never of test clips: a function `(images, seed) ->
            images` of a dict of float32 `(batch, size, size, 3)` and an int64 tensor `(2,)` for
            `tf.image.stateless_*`, or a Keras layer, which does the same to both images of a clip. Every
            batch has a seed of its own, which comes from the fold's. Defaults to none.
        verbose: 1 prints the folds, on a terminal the epochs too; 0 prints nothing, warnings of the audit
            among it.

    Returns:
        Scores and predictions.

    Raises:
        DualATMEError: lists, images or settings are not as expected, the folder holds another run, or a
            loss diverged; finished folds are kept.

    Example:

    >>> def new_model():
    ...     entire = keras.Input((28, 28, 3), name="entire")
    ...     return keras.Model(entire, keras.layers.Dense(3)(keras.layers.Flatten()(entire)))
    >>> shift = keras.layers.RandomTranslation(0.1, 0.1)
    >>> run_loso(TrainConfig(workdir="runs/linear"), new_model, augment=shift)
    """
    (result,) = run_seeds(config, [config.seed], [config.workdir], new_model, callbacks, augment, verbose)
    return result


def run_seeds(
    config: TrainConfig,
    seeds: Sequence[int],
    workdirs: Sequence[str | Path],
    new_model: Callable[[], keras.Model] | None = None,
    callbacks: Callable[[Fold], Sequence[keras.callbacks.Callback]] | None = None,
    augment: Callable | keras.Layer | None = None,
    verbose: int = 1,
) -> list[RunResult]:
    """Runs the same experiment with several seeds, on one compiled network and one set of images.

    Args:
        config: the settings; its own seed and folder are not used.
        seeds: the seeds.
        workdirs: folder of each seed's run, each as `run_loso` makes it.
        new_model, callbacks, augment, verbose: see `run_loso`.

    Returns:
        The result of each run.

    Raises:
        DualATMEError: as `run_loso`; finished runs and folds are kept.
    """
    given, config = config, config.resolved()
    if verbose not in (0, 1):
        raise DualATMEError(f"Expected `verbose` to be 0 or 1. Received: {verbose!r}.")
    stream = sys.stdout if verbose else io.StringIO()
    extensions = Extensions(new_model, callbacks, augment)
    candidates = read_candidates(config.select, given) if config.select else {}
    configs = [candidate_config(given, candidate).resolved() for candidate in candidates.values()] or [config]
    for one in configs:
        extensions.check(one)
    if len(seeds) > 1 and config.solver == "logistic" and not candidates and augment is None:
        print(
            f"Nothing is random in this run: all {len(seeds)} seeds answer alike. Weights that "
            "dualatme-pretrain learned with other seeds would answer otherwise.",
            file=stream,
        )
    if config.tensorboard:
        check_tensorboard()
    prepare_devices(config)
    all_folds, folds = _read_folds(config, extensions, stream)
    for fold in folds if candidates else ():
        inner_folds(fold, config.select_splits, config.seed)  # too few subjects are told before a run begins
    clips = clips_of(all_folds)
    preparation = _preparation(config.data_root)
    runner = FoldRunner(given if candidates else config, clips, preparation, extensions, candidates)
    if runner.reads_files:
        print(f"images: {runner.describe_images()}", file=stream, flush=True)
    digests = [weights_digest(one.initial_weights) for one in configs]
    described = {
        "lists_sha256": _digest(all_folds),
        "images_sha256": runner.image_digests(),
        "preparation": preparation and dataclasses.asdict(preparation),
        "initial_weights_sha256": digests if candidates else digests[0],
        **describe_candidates(candidates, configs),
        # None of versions in which Keras's own default decayed, and where `adamw` has one of its own.
        "adamw_decay": 0.0 if any(map(_undecayed, configs)) else None,
        "computed_with": describe_computation(config),
        **extensions.record(config),
    }
    results = []
    for seed, workdir in zip(seeds, workdirs, strict=True):
        own = dataclasses.replace(config, seed=seed, workdir=str(workdir))
        if len(seeds) > 1:
            print(f"seed {seed}: {workdir}", file=stream, flush=True)
        record = {**dataclasses.asdict(own), **described}
        with begin_run(workdir, record, MAY_DIFFER, config.continue_despite) as run:
            run_folds = run.write_folds(all_folds)
            diverged = _run_folds(own, folds, run, runner, stream)
            results.append(_finish(own, clips, run_folds, run, runner, stream, diverged))
    return results


def _undecayed(config):
    return config.optimizer == "adamw" and not config.weight_decay


def _run_folds(config, folds, run, runner, stream):
    """Runs the folds that are not finished yet; returns which diverged, and how."""
    progress = Progress(len(folds), config.epochs, 1, stream, len(config.class_names))
    for fold in folds:
        if run.finished(fold.name):
            progress.finish_fold(fold.name, run.read_fold(fold.name), seconds=None)
    left = [fold for fold in folds if not run.finished(fold.name)]
    if left or (config.final_model and not run.final_model.exists()):
        environment = {**describe_environment(), "images": runner.describe_images()}
        run.write_environment(environment, [fold.name for fold in left])
    results = runner.run_all(
        left, config.seed, run, lambda fold: [progress.epoch_callback(fold.name)], progress.side_by_side
    )
    diverged = {}
    with contextlib.closing(results):  # other folds are broken off, whoever keeps an error's traceback
        for fold, result in results:
            if result.diverged is None:
                run.write_fold(fold.name, result.files)
                progress.finish_fold(fold.name, run.read_fold(fold.name), result.seconds)
            elif config.keep_going:
                diverged[fold.name] = str(result.diverged)
                progress.miss_fold(fold.name, diverged[fold.name])
            else:
                raise result.diverged
    return diverged


def _finish(config, clips, run_folds, run, runner, stream, diverged):
    """Pools and scores what is finished: a run may be done a few subjects at a time."""
    if not run_folds.finished:
        raise DualATMEError(f"Expected a fold to score. Received: {len(diverged)}, all of which diverged.")
    predictions = concatenate(run.read_fold(name) for name in run_folds.finished)
    metrics = run_folds.add_counts(score_predictions(predictions), predictions)
    run.write_scores(predictions, metrics)
    if config.final_model and not run.final_model.exists():
        print(f"final model: training on all {len(clips)} clips", file=stream, flush=True)
        result = runner.run_final(config.seed, run)
        if result.diverged is None:
            run.write_final(result.files)
        elif config.keep_going:
            diverged[FINAL] = str(result.diverged)
            print(diverged[FINAL], file=stream, flush=True)
        else:
            raise result.diverged
    final_model = run.final_model if config.final_model and run.final_model.exists() else None
    return RunResult(run.path, metrics, predictions, final_model, diverged)


def _read_folds(config, extensions, stream):
    """Reads and audits the lists; returns all folds of the protocol and those to run."""
    lists = read_training_lists(config)
    truth = read_ground_truth(config.ground_truth) if config.ground_truth else None
    report = audit(
        lists,
        truth,
        data_root=config.data_root,
        puzzled="puzzled" in extensions.inputs(config),
        check_files=True,
    )
    report.raise_if_failed(strict=config.strict)
    if report.warnings:
        print(report, file=stream)
    all_folds = make_folds(lists, config.protocol, config.databases)
    return all_folds, make_folds(lists, config.protocol, config.databases, config.subjects)


def _preparation(data_root):
    """Settings of the images, which clips to be recognised must be prepared with; None where not known."""
    file = Path(data_root, SETTINGS_FILE) if data_root else None
    return read_settings(file) if file and file.exists() else None


def _digest(folds):
    """Tells whether two runs had the same lists, wherever those lay."""
    # Of the text of a list of all folds, which would take gigabytes where there are many.
    digest, texts = hashlib.sha256(b"["), {}
    for number, fold in enumerate(folds):
        sides = []
        for side in (fold.train, fold.test):
            for clip in side:
                if id(clip) not in texts:
                    texts[id(clip)] = repr((clip.path, clip.label))
            sides.append(f"[{', '.join(texts[id(clip)] for clip in side)}]")
        digest.update(f"{', ' * bool(number)}({fold.name!r}, [{', '.join(sides)}])".encode())
    digest.update(b"]")
    return digest.hexdigest()
