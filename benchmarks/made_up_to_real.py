"""Real clips told by networks that have seen drawn motion only.

The weights that ship, and what each part of drawn motion is worth:

    made_up_to_real.py --sets=A,B --coding=A/casme2_action_units.csv
    made_up_to_real.py --sets=A,B --coding=A/casme2_action_units.csv --ablation --seeds=1,2,3 --images=50000

A set is a folder of flow images with lists below `MEGC2019/v_cde_flow`. Prints a table in Markdown: UF1, UAR
and the mean F1 of twelve action units for each set, mean over seeds and (range). Nothing is trained on real
clips; but the parts of drawn motion were chosen with the clips of CASME II and SMIC in sight, so these are a
development set.
"""

import argparse
import contextlib
import dataclasses
import io
from pathlib import Path

import keras
import numpy as np

from dualatme_keras.evaluation import read_action_units, score_action_units, score_predictions
from dualatme_keras.evaluation.weights import answer_lists
from dualatme_keras.models import load_model
from dualatme_keras.synthetic.muscles import ACTION_UNITS
from dualatme_keras.training import PretrainConfig, pretrain

CODED_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
SHIPPED = PretrainConfig()
_NO_ESTIMATE = {
    "estimate_blur": (0.0, 0.0),
    "estimate_gain_sd": 0.0,
    "estimate_noise": 0.0,
    "estimate_texture": 0.0,
    "estimate_sparks": 0.0,
}
VARIANTS = {
    "all": {},
    "pulls as FACS says them": {"motion": {"pulls": ACTION_UNITS}},
    "one face": {
        "motion": {"landmarks_sd": 0.0, "proportions_sd": 0.0, "reach_sd": 0.0, "clip_reach_sd": 0.0}
    },
    "one crop": {
        "motion": {
            "crop_right": (0, 0),
            "crop_down": (0.04, 0.04),
            "crop_zoom": (0.97, 0.97),
            "crop_aspect": (1.17, 1.17),
        }
    },
    "both sides alike": {"motion": {"one_sided": 0.0, "lean_sd": 0.0}},
    "no blinks": {"motion": {"blinks": 0.0}},
    "no head or background": {"motion": {"head": 0.0, "hairline": 0.0, "corners": 0.0}},
    "flow without errors": {"motion": _NO_ESTIMATE},
    "no clips without a class": {"motion": {"no_expression": 0.0, "any_units": 0.0}},
    "images as they come": {"network": {"flow_normalization": False}},
    "entire face alone": {"network": {"branches": "entire", "similarity_weight": 0.0}},
    "without attention": {"network": {"attention": "none"}},
}


def score(model, folder, coding):
    """UF1, UAR, and the mean F1 of `CODED_UNITS`, of one network on one set."""
    with contextlib.redirect_stdout(io.StringIO()):  # the audit's warnings are about the lists
        predictions, told = answer_lists(model, folder / "MEGC2019" / "v_cde_flow", folder)
    scores = score_predictions(predictions)
    row = [scores["full"]["uf1"], scores["full"]["uar"]]
    if coding:
        units = score_action_units(coding, predictions.paths, predictions.subjects, model.action_units, told)
        row.append(np.mean([each["f1"] for each in units["units"] if each["unit"] in CODED_UNITS]))
    return row


def cells(rows):
    """Mean over seeds, with the range where there are several."""
    for values in np.array(rows).T:
        spread = f" ({values.min():.3f} to {values.max():.3f})" if len(values) > 1 else ""
        yield f"{values.mean():.3f}{spread}"


def train(variant, seed, images, folder):
    path = folder / f"{variant.replace(' ', '_')}_{seed}.keras"
    if not path.exists():
        changes = VARIANTS[variant]
        motion = dataclasses.replace(SHIPPED.motion, **changes.get("motion", {}))
        images = images or SHIPPED.images
        # The same part of a shorter training is averaged.
        average = 1.0 - (1.0 - SHIPPED.average) * SHIPPED.images / images
        config = dataclasses.replace(SHIPPED, images=images, seed=seed, motion=motion, average=average)
        pretrain(config, verbose=0, **changes.get("network", {})).save(path)
        keras.backend.clear_session()
    return load_model(path)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", required=True, help="folders, with commas")
    parser.add_argument("--coding", help="CSV of action units, of the clips of one database")
    parser.add_argument(
        "--weights", default="facs", help="presets and files, with commas: seeds of one network"
    )
    parser.add_argument("--ablation", action="store_true", help="train networks without one part each")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="of --ablation; with commas")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--images", type=int, help="of --ablation; default: as for the weights that ship")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/made_up_to_real"), help="of trained networks"
    )
    options = parser.parse_args()
    folders = [Path(name) for name in options.sets.split(",")]
    coding = read_action_units(options.coding) if options.coding else None
    titles = ["UF1", "UAR", *["F1 of AUs"] * bool(coding)]
    print("| |" + "".join(f" {title}, `{folder.name}` |" for folder in folders for title in titles))
    print("|---|" + "---|" * (len(folders) * len(titles)))

    def tell(name, models):
        row = [
            cell for folder in folders for cell in cells([score(model, folder, coding) for model in models])
        ]
        print(f"| {name} | {' | '.join(row)} |", flush=True)

    if not options.ablation:
        tell(options.weights, [load_model(name) for name in options.weights.split(",")])
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    for variant in options.variants.split(","):
        tell(
            variant,
            [train(variant, int(s), options.images, options.folder) for s in options.seeds.split(",")],
        )


if __name__ == "__main__":
    main()
