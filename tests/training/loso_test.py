"""Runs: every fold trained and pooled, the same for the same seed, continued, refused."""

import csv
import dataclasses
import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
from colour_runs import SETTINGS, exchange_images, rerun, write_settings
from demo_data import SUBJECTS

from dualatme_keras.data import make_folds, read_lists
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation import evaluate_run
from dualatme_keras.models import DualATME
from dualatme_keras.runs import read_predictions, read_run
from dualatme_keras.training import TrainConfig, run_loso, run_seeds
from dualatme_keras.training.fold_trainer import fold_seed


@pytest.fixture(scope="module")
def finished(base):
    return run_loso(base)


def test_learns_and_leaves_the_files_of_a_run(finished, base):
    workdir = Path(base.workdir)
    assert finished.metrics["full"]["uf1"] > 0.9
    assert json.loads((workdir / "metrics.json").read_text()) == finished.metrics
    settings = json.loads((workdir / "config.json").read_text())
    assert settings["epochs"] == 20
    lists = [
        (fold.name, [[(clip.path, clip.label) for clip in side] for side in (fold.train, fold.test)])
        for fold in make_folds(read_lists(base.lists))
    ]
    assert settings["lists_sha256"] == hashlib.sha256(repr(lists).encode()).hexdigest()
    run = read_run(workdir)
    assert run.settings == SETTINGS
    assert run.networks == (finished.final_model,)
    assert run.metrics == finished.metrics
    assert json.loads((workdir / "environment.json").read_text())["packages"]["keras"] == keras.__version__
    predictions = read_predictions(workdir / "predictions.csv")
    assert len(predictions) == 18
    assert list(dict.fromkeys(predictions.subjects)) == list(SUBJECTS)
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1.0, atol=1e-5)
    for fold in SUBJECTS:
        with (workdir / "folds" / fold / "history.csv").open() as file:
            history = list(csv.DictReader(file))
        assert [int(row["epoch"]) for row in history] == list(range(1, 21))
        assert float(history[-1]["loss"]) < 0.5 * float(history[0]["loss"])
        assert list((workdir / "tensorboard" / fold).rglob("events.*"))


def test_saved_networks_give_the_predictions(finished, base, data):
    """The network of each fold answers for its own test clips as predictions.csv says."""
    from dualatme_keras.evaluation.weights import predict_lists

    for fold in SUBJECTS:
        model = keras.models.load_model(Path(base.workdir) / "folds" / fold / "model.keras")
        answers = predict_lists(model, data / "lists", data)
        rows = answers.subjects == fold
        pooled = finished.predictions
        np.testing.assert_allclose(
            answers.probabilities[rows], pooled.probabilities[pooled.subjects == fold], atol=1e-5
        )


def test_final_model_knows_all_clips(finished, data):
    from dualatme_keras.evaluation.weights import predict_lists

    model = keras.models.load_model(finished.final_model)
    assert isinstance(model, DualATME)
    assert model.preparation == SETTINGS
    answers = predict_lists(model, data / "lists", data)
    assert (answers.labels == answers.predictions).mean() > 0.9


def test_seed_decides_everything_and_folds_are_independent(small, tmp_path, capsys):
    rerun(small, tmp_path / "whole")
    contents = (tmp_path / "whole" / "predictions.csv").read_bytes()
    # The last fold first, then the others, with what a stopped run leaves of a fold.
    rerun(small, tmp_path / "parts", subjects=("s01",))
    shutil.copytree(tmp_path / "parts" / "folds" / "s01", tmp_path / "parts" / "folds" / ".006.partial")
    capsys.readouterr()
    rerun(small, tmp_path / "parts")
    printed = capsys.readouterr().out
    assert printed.count("finished before") == 1
    seconds = [float(number) for number in re.findall(r"([\d.]+) s, ", printed)]
    assert len(seconds) == 2
    assert max(seconds) < 300
    assert (tmp_path / "parts" / "environment.json").exists()
    assert (tmp_path / "parts" / "predictions.csv").read_bytes() == contents


def test_another_seed_is_another_run(base, finished, tmp_path):
    other = rerun(base, tmp_path / "other", seed=2, epochs=base.epochs, subjects=("006",))
    assert other.metrics["full"]["folds"] == {"answered": 1, "of": 3}
    with pytest.raises(DualATMEError, match="1 of 3 folds"):
        read_run(tmp_path / "other")
    rows = finished.predictions.subjects == "006"
    assert not np.array_equal(other.predictions.probabilities, finished.predictions.probabilities[rows])
    assert len({fold_seed(seed, name) for seed in (1, 2) for name in SUBJECTS}) == 6
    assert max(fold_seed(seed, "006") for seed in range(100)) < 2**31
    assert fold_seed(1, "006") == 1263718364


def test_seeds_are_the_runs_they_would_be_alone(small, tmp_path):
    config = dataclasses.replace(small, final_model=False, tensorboard=False, epochs=3)
    both = run_seeds(config, (1, 2), (tmp_path / "seed_1", tmp_path / "seed_2"))
    alone = rerun(small, tmp_path / "alone", seed=2)
    np.testing.assert_array_equal(both[1].predictions.probabilities, alone.predictions.probabilities)
    assert not np.array_equal(both[0].predictions.probabilities, both[1].predictions.probabilities)
    assert json.loads((tmp_path / "seed_2" / "config.json").read_text())["seed"] == 2


def test_the_compiled_network_serves_the_next_run(base, tmp_path, monkeypatch):
    one = rerun(base, tmp_path / "one", subjects=("s01",))

    def refuse(*_arguments, **_others):
        raise AssertionError("compiled")

    monkeypatch.setattr(DualATME, "compile", refuse)
    other = rerun(base, tmp_path / "other", subjects=("006",), seed=2, learning_rate=0.02, batch_size=6)
    again = rerun(base, tmp_path / "again", subjects=("s01",))
    np.testing.assert_array_equal(again.predictions.probabilities, one.predictions.probabilities)
    assert set(other.predictions.subjects) == {"006"}
    with pytest.raises(AssertionError, match="compiled"):
        rerun(base, tmp_path / "sgd", subjects=("s01",), optimizer="sgd")


def test_other_protocols(small, tmp_path):
    held_out = rerun(small, tmp_path / "hde", protocol="hde", databases=("samm",), epochs=1)
    assert set(held_out.predictions.subjects) == {"006"}
    with pytest.raises(DualATMEError, match="clips to train on"):
        rerun(small, tmp_path / "sde", protocol="sde")  # one subject per database leaves nothing


def test_diverging_loss_names_fold_and_epoch(base, tmp_path):
    with pytest.raises(DualATMEError, match=r"fold sub01, epoch \d+: Expected a finite loss. Received: nan"):
        rerun(base, tmp_path / "nan", learning_rate=1e38, epochs=20)
    assert not (tmp_path / "nan" / "folds").exists()


@pytest.mark.long
def test_a_preset_given_as_a_function_is_that_preset_and_another_run(base, tmp_path):
    """Its seeds, order of clips and training are those of every network, its name is not.

    It is compiled anew, with a rate and batches that the network kept from before was not compiled with.
    """
    changes = {"subjects": ("s01",), "learning_rate": 0.02, "batch_size": 6}
    expected = rerun(base, tmp_path / "named", **changes)

    def new_model():
        return DualATME.from_preset("convolution")

    config = dataclasses.replace(
        base, **changes, preset="paper", epochs=3, final_model=False, tensorboard=False
    )
    given = run_loso(dataclasses.replace(config, workdir=str(tmp_path / "given")), new_model)
    np.testing.assert_array_equal(given.predictions.probabilities, expected.predictions.probabilities)
    named = tmp_path / "named"
    assert not {"new_model", "callbacks", "augment"} & set(json.loads((named / "config.json").read_text()))
    # A record that lacks these names has no gap that could be passed over.
    config = dataclasses.replace(config, workdir=str(named), continue_despite=("unrecorded",))
    with pytest.raises(DualATMEError, match="new_model None -> .*Choose another `workdir`, or delete"):
        run_loso(config, new_model)


def test_auditing_the_protocol_changes_no_answer(small, tmp_path):
    rerun(small, tmp_path / "plain")
    rerun(small, tmp_path / "audited", audit_protocol=True)
    plain, audited = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("plain", "audited"))
    assert plain == audited
    metrics = evaluate_run(tmp_path / "audited")
    audit = json.loads((tmp_path / "audited" / "metrics.json").read_text())["protocol_audit"]
    assert {name: metrics["full"][name] for name in audit["last_epoch"]} == audit["last_epoch"]
    assert len(audit["epochs"]["uf1"]) == 3
    # Folds of several people too.
    rerun(small, tmp_path / "hde", protocol="hde", audit_protocol=True)
    evaluate_run(tmp_path / "hde")
    assert "protocol_audit" in json.loads((tmp_path / "hde" / "metrics.json").read_text())
    # The answers of an epoch are those of a run that ends there.
    shorter = rerun(small, tmp_path / "shorter", epochs=2)
    assert shorter.metrics["full"]["uf1"] == audit["epochs"]["uf1"][1]


def test_a_run_of_adamw_from_a_version_in_which_it_decayed_is_refused(small, tmp_path):
    rerun(small, tmp_path, subjects=("s01",), epochs=1, optimizer="adamw")
    file = tmp_path / "config.json"
    record = json.loads(file.read_text())
    assert record.pop("adamw_decay") == 0.0
    file.write_text(json.dumps(record))
    with pytest.raises(DualATMEError, match="adamw without `weight_decay`, which decayed by .004"):
        rerun(small, tmp_path, subjects=("sub01",), epochs=1, optimizer="adamw")


def test_run_of_other_settings_is_refused(finished, base):
    before = Path(base.workdir, "predictions.csv").read_bytes()
    with pytest.raises(DualATMEError, match="batch_size 7 -> 6, seed 1 -> 2"):
        run_loso(dataclasses.replace(base, batch_size=6, seed=2))
    with pytest.raises(
        DualATMEError,
        match=r"Received: implementation fast -> plain \(`implementation='fast'` keeps it\)\. "
        r".*`continue_despite=\('implementation',\)`",
    ):
        run_loso(dataclasses.replace(base, implementation="plain"))
    assert Path(base.workdir, "predictions.csv").read_bytes() == before
    assert json.loads(Path(base.workdir, "config.json").read_text())["seed"] == 1


def test_folder_of_something_else_is_refused(base, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DualATMEError, match="holds other files"):
        run_loso(dataclasses.replace(base, workdir=str(tmp_path)))


def test_changed_lists_are_another_run(finished, base, data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    moved = dataclasses.replace(base, lists=str(tmp_path / "copy" / "lists"))
    assert run_loso(moved).metrics == finished.metrics  # the same lists elsewhere continue the run
    for path in (tmp_path / "copy" / "lists").glob("*.txt"):
        path.write_text(path.read_text().replace("sub01_clip0_flow.png 0 0", "sub01_clip0_flow.png 1 0"))
    with pytest.raises(DualATMEError, match="Received: the lists changed. Choose another"):
        run_loso(moved)


def test_images_of_other_settings_are_another_run(finished, base, data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    moved = dataclasses.replace(base, data_root=str(tmp_path / "copy"))
    assert run_loso(moved).metrics == finished.metrics
    write_settings(tmp_path / "copy", dataclasses.replace(SETTINGS, pixel_range=1.0))
    with pytest.raises(DualATMEError, match="Received: preparation.pixel_range 2.0 -> 1.0. "):
        run_loso(moved)


def test_exchanged_images_are_another_run(small, data, tmp_path):
    shutil.copytree(data, tmp_path / "copy")
    copy = {"data_root": str(tmp_path / "copy")}
    rerun(small, tmp_path / "run", subjects=("sub01",), **copy)
    exchange_images(tmp_path / "copy", "smic")
    with pytest.raises(DualATMEError, match="Received: the images of smic changed. Choose another `workdir`"):
        rerun(small, tmp_path / "run", **copy)
    with pytest.raises(DualATMEError, match="`continue_despite` out of .*images"):
        rerun(small, tmp_path / "run", continue_despite=("images",), **copy)
    assert [fold.name for fold in (tmp_path / "run" / "folds").iterdir()] == ["sub01"]


def test_accepted_differences_are_recorded(small, tmp_path):
    """Two folds of a run that began elsewhere."""
    rerun(small, tmp_path / "run", subjects=("sub01",))
    config, environment = tmp_path / "run" / "config.json", tmp_path / "run" / "environment.json"
    record = json.loads(config.read_text())
    threads = record["computed_with"]["threads"]
    record["computed_with"] |= {"device": "Abacus 2000", "threads": threads + 1}
    config.write_text(json.dumps(record))
    words = (
        f"device Abacus 2000 -> CPU, threads {threads + 1} -> {threads} (`threads={threads + 1}` keeps it)"
    )
    with pytest.raises(
        DualATMEError, match=rf"Received: {re.escape(words)}. .*=\('device', 'threads'\)`, which"
    ):
        rerun(small, tmp_path / "run")
    despite = {"continue_despite": ("device", "threads")}
    rerun(small, tmp_path / "run", **despite)
    written = json.loads(environment.read_text())
    assert written["folds"] == ["sub01"]
    (continuation,) = written["continuations"]
    assert continuation["folds"] == ["006", "s01"]
    assert ", ".join(continuation["despite"]) == words
    assert continuation["packages"] == written["packages"]
    # The record stays that of the beginning; a call that trains nothing is no continuation.
    assert json.loads(config.read_text())["computed_with"] == record["computed_with"]
    rerun(small, tmp_path / "run", **despite)
    assert json.loads(environment.read_text()) == written
    for _ in range(2):  # The second trains nothing.
        rerun(small, tmp_path / "run", final_model=True, **despite)
        added = json.loads(environment.read_text())["continuations"][1:]
        assert [continuation["folds"] for continuation in added] == [[]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # Batch normalisation keeps all numbers finite.
        ({"learning_rate": 1e6, "epochs": 3}, r"epoch 3: Expected a loss of at most 4.88 .*Received: \d+"),
        # A single step of all clips: its loss is that of the untrained network.
        ({"learning_rate": 1e38}, "epoch 1: Expected finite answers"),
        ({"learning_rate": 3e38, "optimizer": "rmsprop"}, "epoch 1: Expected finite weights.*a loss of 0."),
    ],
    ids=["loss", "answers", "weights"],
)
def test_divergence_without_an_infinite_loss(changes, message, base, tmp_path):
    changes = {"epochs": 1, "batch_size": 12, **changes}
    with pytest.raises(DualATMEError, match=f"fold sub01, {message}"):
        rerun(base, tmp_path / "run", **changes)
    assert not (tmp_path / "run" / "folds").exists()


def test_tensorboard_must_be_there(base, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DualATMEError, match="pip install tensorboard"):
        rerun(base, tmp_path / "run", tensorboard=True)


def test_audit_refuses_a_leak(base, data, tmp_path):
    shutil.copytree(data / "lists", tmp_path / "lists")
    with (tmp_path / "lists" / "s01_train.txt").open("a") as file:
        file.write("/home/user/data/smic/flow/s01_clip0_flow.png 0 2\n")
    with pytest.raises(DualATMEError, match="leak"):
        run_loso(dataclasses.replace(base, lists=str(tmp_path / "lists"), workdir=str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


def test_absent_lists_point_to_help(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DualATMEError, match="data/MEGC2019/v_cde_flow.*data/README.md.*make demo"):
        run_loso(TrainConfig())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.5),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("learning_rate", float("nan")),
        ("workers", 0),
        ("workers", "many"),
        ("executor", "threads"),
        ("threads", -1),
        ("precision", "float8"),
        ("implementation", "quick"),
        ("batch_size", -1),
        ("seed", -1),
        ("loss", "huber"),
        ("preset", "x"),
        ("protocol", "loo"),
    ],
)
def test_bad_settings(setting, value):
    with pytest.raises(DualATMEError, match=f"`{setting}`.*{value}"):
        TrainConfig(**{setting: value})


def test_workers_and_mirrored_devices_exclude_each_other():
    with pytest.raises(DualATMEError, match="`workers=2` and `distribute='mirrored'`"):
        TrainConfig(workers=2, distribute="mirrored")
