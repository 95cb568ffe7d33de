"""train.py and evaluate.py as a user calls them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import script_calls
from demo_data import write_colours
from torch_files import write_state_dict

ROOT = Path(__file__).parents[1]


def call(script, *arguments):
    script_calls.call(ROOT / f"{script}.py", *arguments)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    write_colours(directory, clips_per_subject=3)
    return directory


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A run with the published script's flag names."""
    workdir = tmp_path_factory.mktemp("run") / "workdir"
    call(
        "train",
        f"--lists={data / 'lists'}",
        f"--data_root={data}",
        f"--workdir={workdir}",
        "--preset=convolution",  # quickly traced
        "--workers=1",
        "--learningrate=0.02",
        "--batchsize=4",
        "--lossfunction=CrossEntropy",
        "--optimizer=Adam",
        "--epochs=2",
        "--final_model",
    )
    return workdir


def test_published_flag_names_reach_the_run(run):
    settings = json.loads((run / "config.json").read_text())
    values = {name: settings[name] for name in ("learning_rate", "batch_size", "loss", "optimizer", "epochs")}
    assert values == {
        "learning_rate": 0.02,
        "batch_size": 4,
        "loss": "crossentropy",
        "optimizer": "adam",
        "epochs": 2,
    }
    assert (run / "final" / "model.keras").is_file()


def test_seeds_of_another_experiment_are_refused(run, data, tmp_path):
    """Their scores would be told together."""
    places = [f"--lists={data / 'lists'}", f"--data_root={data}"]
    with pytest.raises(SystemExit, match="--workdir to be a new folder, or one of seeds.*a run of one seed"):
        call("train", *places, f"--workdir={run}", "--seeds=2")
    (tmp_path / "seed_1").mkdir()
    shutil.copy(run / "config.json", tmp_path / "seed_1")
    with pytest.raises(SystemExit, match="seeds of one experiment.*seed_1.*preset 'convolution' -> 'paper'"):
        call("train", *places, f"--workdir={tmp_path}", "--seeds=2", "--loss=crossentropy", "--epochs=2")


@pytest.mark.long
def test_seeds(data, tmp_path, capsys):
    """Two seeds, scored together; with the network that the run above has compiled."""
    places = [f"--lists={data / 'lists'}", f"--data_root={data}", f"--workdir={tmp_path / 'run'}"]
    settings = ["--preset=convolution", "--loss=crossentropy", "--epochs=2", "--workers=1"]
    call("train", *places, *settings, "--seeds=2", "--seed=3")
    seeds = [(tmp_path / "run" / seed / "predictions.csv").read_bytes() for seed in ("seed_3", "seed_4")]
    assert seeds[0] != seeds[1]
    capsys.readouterr()
    call("evaluate", f"--workdir={tmp_path / 'run'}")
    assert "2 seeds (3, 4)" in capsys.readouterr().out
    assert (tmp_path / "run" / "seed_4" / "report.html").is_file()
    assert json.loads((tmp_path / "run" / "seeds.json").read_text())["seeds"] == [3, 4]


@pytest.mark.long
def test_compiled_with_xla_in_a_worker(data, tmp_path):
    """In processes of their own: once operations are deterministic, Keras leaves XLA aside with a warning.
    Once TensorFlow computes, its threads stay as many as they are."""
    arguments = [
        "--preset=tiny",
        "--implementation=plain",
        "--epochs=1",
        "--batch_size=6",
        "--subjects=s01",
        "--jit_compile",
        "--workers=2",
        "--threads=1",
    ]
    places = [f"--lists={data / 'lists'}", f"--data_root={data}", f"--workdir={tmp_path / 'run'}"]
    command = [sys.executable, "-W", "error::UserWarning", str(ROOT / "train.py"), *arguments, *places]
    subprocess.run(command, check=True, cwd=ROOT, timeout=600)
    assert (tmp_path / "run" / "metrics.json").is_file()
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (settings["workers"], settings["computed_with"]["threads"]) == (2, 1)


def test_dataversion_names_lists_below_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="--lists=data/MEGC2019/v_other, which is not there"):
        call("train", "--dataversion=v_other")


OTHERS = {
    "lists": "elsewhere",
    "data_root": "images",
    "workdir": "runs/other",
    "model": "sssnet",
    "preset": "tiny",
    "flow_normalization": True,
    "initial_weights": "start.keras",
    "implementation": "plain",
    "puzzle_source": "layer",
    "solver": "gradient",
    "logistic_c": 1.0,
    "select": "settings.json",
    "select_splits": 5,
    "loss": "crossentropy",
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "batch_size": 3,
    "epochs": 4,
    "class_weight": "balanced",
    "mirror": True,
    "mirror_answers": True,
    "shift": 0.1,
    "zoom": 0.2,
    "rotation": 7.0,
    "magnitude": 0.5,
    "mixup": 0.4,
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "schedule": "cosine",
    "warmup_epochs": 2,
    "ema_momentum": 0.9,
    "class_names": ("one", "two"),
    "protocol": "sde",
    "databases": ("samm", "smic"),
    "subjects": ("s01", "006"),
    "seed": 5,
    "precision": "float64",
    "jit_compile": True,
    "steps_per_execution": 6,
    "images": "memory",
    "workers": 2,
    "executor": "ray",
    "ray_address": "local",
    "keep_going": True,
    "threads": 7,
    "distribute": "mirrored",
    "final_model": True,
    "tensorboard": True,
    "audit_protocol": True,
    "ground_truth": "list.csv",
    "strict": True,
    "continue_despite": ("version",),
}
"""A value for each setting that is not its default."""


@pytest.fixture
def received(monkeypatch, tmp_path):
    """What `run_loso` is called with, which then ends the command with the error "seen"."""
    from dualatme_keras.errors import DualATMEError

    monkeypatch.chdir(tmp_path)
    (tmp_path / "start.keras").touch()

    configs = []

    def stop(config):
        configs.append(config)
        raise DualATMEError("seen")

    monkeypatch.setattr("dualatme_keras.training.run_loso", stop)
    monkeypatch.setattr("dualatme_keras.training.lists.read_training_lists", lambda config: None)
    return configs


def test_every_setting_has_a_flag(received):
    from dualatme_keras.training import TrainConfig

    assert set(OTHERS) == set(TrainConfig.__dataclass_fields__)
    # What cannot be given together.
    of_presets = ("preset", "initial_weights", "implementation", "puzzle_source")
    combinations = (
        ("workers", "tensorboard", "model", "select", "class_names"),
        ("distribute", "executor", "ray_address", "model", "audit_protocol", "ground_truth"),
    )
    for left_out in (
        *combinations,
        (*("distribute", "executor", "ray_address", "select", "ground_truth"), *of_presets),
    ):
        values = {name: value for name, value in OTHERS.items() if name not in left_out}
        given = {
            name: ",".join(value) if isinstance(value, tuple) else value for name, value in values.items()
        }
        with pytest.raises(SystemExit, match="seen"):
            call("train", *(f"--{name}={value}" for name, value in given.items()))
        assert received.pop() == TrainConfig(**values)


def test_weights_of_a_preset_bring_its_network(received):
    for given, preset in (
        (["--initial_weights=facs"], "facs"),
        (["--initial_weights=facs", "--preset=tiny"], "tiny"),
        (["--initial_weights=start.keras"], "paper"),
    ):
        with pytest.raises(SystemExit, match="seen"):
            call("train", *given)
        assert received.pop().preset == preset
    with pytest.raises(SystemExit, match="Received: --initial_weights=facs with --model=linear"):
        call("train", "--model=linear", "--initial_weights=facs")
    with pytest.raises(
        SystemExit, match="--initial_weights to be a file .*: facs. Received: 'nowhere.keras'"
    ):
        call("train", "--initial_weights=nowhere.keras", "--lists=nowhere")


def test_earlier_names_of_flags(received):
    from dualatme_keras.training import TrainConfig

    flags = ("--form=plain", "--puzzle=layer", "--protocol_csv=a.csv", "--continue_despite=form,threads")
    with pytest.raises(SystemExit, match="seen"):
        call("train", *flags)
    assert received.pop() == TrainConfig(
        implementation="plain",
        puzzle_source="layer",
        ground_truth="a.csv",
        continue_despite=("implementation", "threads"),
    )


def test_evaluate_recomputes_from_predictions_alone(run, tmp_path, capsys):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "predictions.csv").write_bytes((run / "predictions.csv").read_bytes())
    call("evaluate", f"--workdir={copy}")
    printed = capsys.readouterr().out
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["full"]["folds"] == {"answered": 3, "of": 3}
    for scores in metrics.values():
        del scores["folds"]  # which predictions alone do not say
    assert json.loads((copy / "metrics.json").read_text()) == metrics
    for text in ("Full", "CASME II", "SAMM", "SMIC", "UF1", "UAR", "report.html"):
        assert text in printed
    for name in (
        "report.html",
        "challenge_log.txt",
        "figures/confusion_full.png",
        "figures/confusion_samm.png",
    ):
        assert (copy / name).stat().st_size > 0


def test_evaluate_given_weights(run, data, tmp_path, capsys):
    weights = run / "final" / "model.keras"
    arguments = (f"--weights={weights}", f"--lists={data / 'lists'}", f"--data_root={data}")
    call("evaluate", *arguments)
    table = capsys.readouterr().out
    call("evaluate", *arguments, f"--workdir={tmp_path / 'scored'}")
    assert capsys.readouterr().out.startswith(table.rstrip("\n"))
    assert len((tmp_path / "scored" / "predictions.csv").read_text().splitlines()) == 1 + 9
    with pytest.raises(SystemExit, match="new folder"):
        call("evaluate", *arguments, f"--workdir={tmp_path / 'scored'}")


def test_evaluate_the_weights_that_ship(run, data, tmp_path, capsys):
    """Colours are no flow; what is scored is that of the network, and stands in metrics.json."""
    rows = "".join(f"sub01,sub01_clip{number},12\n" for number in range(3))
    (tmp_path / "coding.csv").write_text(f"subject,clip,action_units\n{rows}")
    lists = (f"--lists={data / 'lists'}", f"--data_root={data}")
    coding = f"--action_units={tmp_path / 'coding.csv'}"
    call("evaluate", "--weights=facs", *lists, coding, f"--workdir={tmp_path / 'scored'}")
    assert "1 action units in 3 coded clips" in capsys.readouterr().out
    written = json.loads((tmp_path / "scored" / "metrics.json").read_text())
    assert written["full"]["samples"] == 9
    assert [each["unit"] for each in written["action_units"]["units"] if each["clips"]] == [12]
    call("evaluate", f"--workdir={tmp_path / 'scored'}")
    assert json.loads((tmp_path / "scored" / "metrics.json").read_text()) == written
    with pytest.raises(SystemExit, match="weights that tell action units, such as facs"):
        call("evaluate", f"--weights={run / 'final' / 'model.keras'}", *lists, coding)


def test_evaluate_published_weights(data, torch_tensors, tmp_path, capsys):
    """A `.pth` file goes the same way; its answers are those of the network it holds."""
    from dualatme_keras.evaluation.weights import predict_lists
    from dualatme_keras.models import DualATME
    from dualatme_keras.models.torch_checkpoint import assign_torch_tensors
    from dualatme_keras.runs import read_predictions

    write_state_dict(tmp_path / "model.pth", torch_tensors)
    model = DualATME.from_preset("paper")
    assign_torch_tensors(model, torch_tensors)
    expected = predict_lists(model, data / "lists", data)
    call(
        "evaluate",
        f"--weights={tmp_path / 'model.pth'}",
        "--attention=entire",
        f"--lists={data / 'lists'}",
        f"--data_root={data}",
        f"--workdir={tmp_path / 'scored'}",
    )
    answers = read_predictions(tmp_path / "scored" / "predictions.csv")
    np.testing.assert_allclose(answers.probabilities, expected.probabilities, atol=1e-6)


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("train", ["--lists=nowhere"], "train.py: Expected a folder.*nowhere"),
        ("evaluate", [], "evaluate.py: Expected --workdir"),
        (
            "evaluate",
            ["--workdir=nowhere"],
            "evaluate.py: .*nowhere, which is not there",
        ),
        ("evaluate", ["--weights=a.keras"], "Expected --lists"),
        ("evaluate", ["--weights=a.keras", "--lists=b"], "a.keras"),
    ],
)
def test_bad_input_is_one_line_and_a_failure(script, arguments, message):
    with pytest.raises(SystemExit, match=message) as failure:
        call(script, *arguments)
    assert "\n" not in failure.value.code
