"""How much more would more people help? Scores by the number of people that a fold trains on.

    python benchmarks/learning_curve.py --sets=A,B --seeds=1,2,3

A set is a folder of flow images with lists below `MEGC2019/v_cde_flow`. Every fold trains on so many of its
training subjects, drawn anew for each seed, and on all of them. Prints a table in Markdown, mean over seeds.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from dualatme_keras.data import ImageTable, make_folds, read_lists
from dualatme_keras.runs import Predictions, concatenate, score_predictions
from dualatme_keras.training import TrainConfig
from dualatme_keras.training.fold_trainer import FoldTrainer

NETWORKS = {"plus": {"preset": "plus"}, "linear": {"model": "linear"}}
PEOPLE = (5, 10, 20, 30, None)


def scores(
    trainer: FoldTrainer, table: ImageTable, folds, people: int | None, seed: int
) -> tuple[float, float]:
    """UF1 and UAR with so many training subjects in each fold; None for all."""
    parts = []
    for number, fold in enumerate(folds):
        names = sorted({(clip.database, clip.subject) for clip in fold.train})
        rng = np.random.default_rng((seed, number))
        chosen = {names[place] for place in rng.permutation(len(names))[:people]}
        train = tuple(clip for clip in fold.train if (clip.database, clip.subject) in chosen)
        own = dataclasses.replace(fold, train=train)
        trainer.train(own, table, seed)
        parts.append(Predictions.of_clips(fold.test, trainer.predict(fold, table)))
    full = score_predictions(concatenate(parts))["full"]
    return full["uf1"], full["uar"]


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", required=True, help="folders of flow images, with commas")
    parser.add_argument("--seeds", default="1,2,3")
    arguments = parser.parse_args()
    sets = [Path(folder) for folder in arguments.sets.split(",")]
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    print(f"| trained on | {' | '.join(f'`{n}`, `{s.name}`' for s in sets for n in NETWORKS)} |")
    print(f"| --- {'| --- ' * len(sets) * len(NETWORKS)}|")
    rows = {people: [] for people in PEOPLE}
    for folder in sets:
        folds = make_folds(read_lists(folder / "MEGC2019" / "v_cde_flow"))
        clips = tuple(clip for fold in folds for clip in fold.test)
        for settings in NETWORKS.values():
            trainer = FoldTrainer(TrainConfig(**settings))
            table = ImageTable(clips, trainer.image_size, trainer.inputs, folder)
            for people, cells in rows.items():
                # Nothing is random where all take part.
                found = [
                    scores(trainer, table, folds, people, seed) for seed in seeds[: None if people else 1]
                ]
                cells.append(" / ".join(f"{value:.3f}".removeprefix("0") for value in np.mean(found, axis=0)))
    for people, cells in rows.items():
        print(f"| {f'{people} people' if people else 'all 39'} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
