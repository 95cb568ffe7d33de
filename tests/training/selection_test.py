"""Settings that each fold chooses on its own training subjects."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from colour_runs import exchange_images, rerun

from dualatme_keras.data import Clip, Fold
from dualatme_keras.errors import DualATMEError
from dualatme_keras.training import TrainConfig
from dualatme_keras.training.divergence import diverged
from dualatme_keras.training.selection import choose, inner_folds, read_candidates


def write(tmp_path, content):
    path = tmp_path / "settings.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_candidates_are_named_or_combined(tmp_path):
    named = {"net": {"preset": "plus"}, "line": {"model": "linear"}}
    assert read_candidates(write(tmp_path, named), TrainConfig()) == named
    # Another network than that of the run's preset.
    read_candidates(
        write(tmp_path, {"weak": {"logistic_c": 1.0}, "line": named["line"]}), TrainConfig(preset="plus")
    )
    # What only steps have a use for says nothing to the others.
    faster = TrainConfig(jit_compile=True, steps_per_execution=2)
    assert read_candidates(write(tmp_path, {"net": {"epochs": 3}, "line": named["line"]}), faster)
    combined = read_candidates(write(tmp_path, {"epochs": [2, 5], "mirror": [True, False]}), TrainConfig())
    assert list(combined.values()) == [
        {"epochs": epochs, "mirror": mirror} for epochs in (2, 5) for mirror in (True, False)
    ]
    assert list(combined)[2] == "epochs=5, mirror=True"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", r"settings.json:1: Expected JSON"),
        ({"epochs": 3}, "Expected settings by name, .*or values by setting, .*Received: {'epochs': 3}"),
        ({"epochs": [3]}, "two candidates or more. Received: 1"),
        (
            {"a": {"epochs": 3}, "b": {"subjects": ["s01"]}},
            "b: Expected settings out of .*Received: subjects",
        ),
        ({"epochs": [3, 0]}, "epochs=0: Expected `epochs` to be an integer from 1"),
        (
            {"learning_rate": [0.1, "fast"]},
            "learning_rate=fast: Expected `learning_rate` to be of type float. Rec",
        ),
        ({"mirror": [True, "yes"]}, "mirror=yes: Expected `mirror` to be of type bool. Received: 'yes'"),
        ({"epochs": [5, 1.5]}, "epochs=1.5: Expected `epochs` to be of type int"),
        ({"a": {"epochs": 3}, "b": {"epochs": 3}}, "different candidates. Received: a and b alike"),
        ({"preset": ["paper", "vgg"]}, "preset=vgg: Expected `preset` out of"),
    ],
)
def test_candidates_that_are_none(content, message, tmp_path):
    with pytest.raises(DualATMEError, match=message):
        read_candidates(write(tmp_path, content), TrainConfig())


def test_a_file_that_is_not_there(base, tmp_path):
    with pytest.raises(DualATMEError, match="`select` to be a readable file. Received: nowhere.json"):
        rerun(base, tmp_path / "run", select="nowhere.json")
    with pytest.raises(DualATMEError, match="Expected at least 3 subjects.*Received: 2"):
        rerun(base, tmp_path / "run", select=write(tmp_path, {"epochs": [3, 4]}))
    assert not (tmp_path / "run").exists()
    with pytest.raises(DualATMEError, match="either `select` or `audit_protocol`"):
        dataclasses.replace(base, select="nowhere.json", audit_protocol=True)


def fold_of(people, clips=4):
    train = [
        Clip(f"{person}/{number}", person, "casme2", number % 3)
        for person in people
        for number in range(clips)
    ]
    return Fold("held", train=tuple(train), test=(Clip("held/1", "held", "casme2", 0),))


def test_inner_folds_are_of_the_training_subjects():
    fold = fold_of([f"sub{number:02d}" for number in range(1, 12)])
    inner = inner_folds(fold, 4, seed=3)
    assert [one.name for one in inner] == ["held/1", "held/2", "held/3", "held/4"]
    assert sorted(clip.path for one in inner for clip in one.test) == sorted(clip.path for clip in fold.train)
    for one in inner:
        people = [{clip.subject for clip in side} for side in (one.train, one.test)]
        assert not people[0] & people[1]
        assert "held" not in people[0] | people[1]
        assert set(one.train) | set(one.test) == set(fold.train)
    assert inner == inner_folds(fold, 4, seed=3) != inner_folds(fold, 4, seed=4)
    with pytest.raises(
        DualATMEError, match="held: Expected at least 4 subjects .*`select_splits`. Received: 3"
    ):
        inner_folds(fold_of(["sub01", "sub02", "sub03"]), 4, seed=3)


def test_the_best_of_those_that_did_not_diverge():
    inner = inner_folds(fold_of(["sub01", "sub02", "sub03"]), 3, seed=1)
    candidates = {"wild": {"epochs": 1}, "poor": {"epochs": 2}, "good": {"epochs": 3}, "same": {"epochs": 4}}
    asked = []

    def answer(name, fold):
        asked.append((name, fold.name))
        if name == "wild":
            raise diverged(fold, 1, "a finite loss", "nan")
        return np.eye(3)[[0 if name == "poor" else clip.label for clip in fold.test]]

    tried = choose(candidates, answer, inner, num_classes=3)
    assert [row["name"] for row in tried if row["chosen"]] == ["good"]
    assert tried[0] == {"name": "wild", "settings": {"epochs": 1}, "uf1": None, "uar": None, "chosen": False}
    assert tried[1]["uar"] == pytest.approx(1 / 3)
    assert tried[2]["uf1"] == tried[2]["uar"] == 1.0
    assert asked == [("wild", "held/1")] + [
        (name, f"held/{part}") for name in ("poor", "good", "same") for part in (1, 2, 3)
    ]
    with pytest.raises(DualATMEError, match="held/1, epoch 1: .*diverged"):
        choose({"wild": {}, "too": {}}, lambda name, fold: answer("wild", fold), inner, num_classes=3)


# Without a graph to trace.
STILL = {"model": "linear", "solver": "gradient", "learning_rate": 1e-9, "epochs": 1}
LEARNS = {"model": "linear", "flow_normalization": False}


def quick(base):
    own = dict.fromkeys(("loss", "epochs", "batch_size", "learning_rate"))
    return dataclasses.replace(base, preset="paper", **own)


def test_every_fold_chooses_and_its_test_clips_do_not(base, data, tmp_path):
    base = quick(base)
    select = {
        "select": write(tmp_path, {"still": STILL, "learns": LEARNS}),
        "select_splits": 2,
        "epochs": None,
    }
    chosen = rerun(base, tmp_path / "run", **select, subjects=("sub01",), final_model=True)
    rerun(base, tmp_path / "given", **LEARNS, epochs=None, subjects=("sub01",))
    fold = "folds/sub01"
    # As if it had been told.
    for name in ("predictions.csv", "history.csv"):
        wanted = (tmp_path / "given" / fold / name).read_bytes()
        assert (tmp_path / "run" / fold / name).read_bytes() == wanted
    record = json.loads((tmp_path / "run" / fold / "selection.json").read_text())
    assert [(row["name"], row["settings"], row["chosen"]) for row in record] == [
        ("still", STILL, False),
        ("learns", LEARNS, True),
    ]
    assert record[1]["uf1"] > record[0]["uf1"]
    assert chosen.final_model.with_name("selection.json").exists()
    # Other test clips, the same choice, to the last digit.
    other = tmp_path / "other"
    shutil.copytree(data, other)
    exchange_images(other, "casme2")  # of sub01 alone
    elsewhere = {"data_root": str(other), "lists": str(other / "lists")}
    rerun(base, tmp_path / "again", **select, **elsewhere, subjects=("sub01",))
    files = [tmp_path / run / fold for run in ("run", "again")]
    assert len({(file / "selection.json").read_bytes() for file in files}) == 1
    assert len({(file / "predictions.csv").read_bytes() for file in files}) == 2
    # Other candidates are another run, also what the run's settings make of them, and another order.
    write(tmp_path, {"learns": LEARNS, "still": STILL})
    with pytest.raises(DualATMEError, match=r"order_of_candidates \['still', 'learns'\] -> \['learns', 's"):
        rerun(base, tmp_path / "run", **select, subjects=("sub01",), final_model=True)
    write(tmp_path, {"still": STILL, "learns": LEARNS})
    with pytest.raises(
        DualATMEError, match=r"settings_of_candidates.learns.class_weight 'balanced' -> 'none'"
    ):
        rerun(base, tmp_path / "run", **select, subjects=("sub01",), final_model=True, class_weight="none")
    write(tmp_path, {"still": {**STILL, "epochs": 2}, "learns": LEARNS})
    with pytest.raises(DualATMEError, match=r"candidates.still.epochs 1 -> 2"):
        rerun(base, tmp_path / "run", **select, subjects=("sub01",), final_model=True)


@pytest.mark.long
def test_candidates_that_take_other_images(base, tmp_path):
    """A network that looks at both images beside one that looks at one, whose clips are moved."""
    steps = {"solver": "gradient", "epochs": 1, "shift": 0.1, "mirror": True}
    candidates = {"both": {"epochs": 1}, "one": {"model": "linear", "preset": "paper", **steps}}
    select = {"select": write(tmp_path, candidates), "select_splits": 2}
    result = rerun(base, tmp_path / "run", **select, epochs=1, subjects=("sub01",))
    assert result.metrics["full"]["samples"] == 6
    record = json.loads((tmp_path / "run" / "folds" / "sub01" / "selection.json").read_text())
    assert all(row["uf1"] is not None for row in record)


@pytest.mark.long
def test_workers_choose_the_same(base, tmp_path):
    select = {
        "select": write(tmp_path, {"still": STILL, "learns": LEARNS}),
        "select_splits": 2,
        "epochs": None,
    }
    results = [rerun(quick(base), tmp_path / f"{n}", **select, workers=n) for n in (1, 2)]
    # They have another number of threads.
    np.testing.assert_allclose(*(result.predictions.probabilities for result in results), atol=1e-3)
    files = [sorted((tmp_path / f"{n}").glob("folds/*/selection.json")) for n in (1, 2)]
    assert len(files[0]) == 3
    for one, two in zip(*files, strict=True):
        assert one.read_bytes() == two.read_bytes()
