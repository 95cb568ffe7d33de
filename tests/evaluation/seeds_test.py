"""Mean and spread over seeds, from each run's predictions.csv."""

import dataclasses
import json
import statistics

import numpy as np
import pytest

from dualatme_keras.data import Clip, Fold
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation import find_seeds, format_seeds, score_predictions, score_seeds
from dualatme_keras.runs import Predictions, write_predictions, write_run_folds

CLIPS = 24


def predictions(seed, clips=CLIPS):
    rng = np.random.default_rng(seed)
    subjects = np.array([f"sub{index % 4 + 1:02d}" for index in range(clips)])
    probabilities = rng.dirichlet(np.ones(3), clips).astype("float32")
    return Predictions(
        paths=np.array([f"casme2/{index}.png" for index in range(clips)]),
        subjects=subjects,
        databases=np.array(["casme2"] * clips),
        labels=np.arange(clips) % 3,
        predictions=probabilities.argmax(axis=1),
        probabilities=probabilities,
    )


@pytest.fixture
def workdir(tmp_path):
    for seed in (2, 10, 9):
        (tmp_path / f"seed_{seed}").mkdir()
        write_predictions((tmp_path / f"seed_{seed}") / "predictions.csv", predictions(seed))
    (tmp_path / "seed_11").mkdir()  # not finished
    return tmp_path


def test_mean_and_deviation(workdir):
    assert find_seeds(workdir) == [2, 9, 10]
    result = score_seeds(workdir)
    singles = [score_predictions(predictions(seed))["full"]["uf1"] for seed in (2, 9, 10)]
    found = result["scores"]["full"]["uf1"]
    assert found["values"] == pytest.approx(singles)
    assert len(set(singles)) == 3
    assert found["mean"] == pytest.approx(sum(singles) / 3)
    assert found["deviation"] == pytest.approx(statistics.stdev(singles))
    assert json.loads((workdir / "seeds.json").read_text()) == result
    assert not ((workdir / "seed_2") / "report.html").exists()


def test_table(workdir):
    lines = format_seeds(score_seeds(workdir)).splitlines()
    assert lines[0] == "mean and standard deviation over 3 seeds (2, 9, 10)"
    assert lines[1].split() == ["UF1", "UAR", "accuracy"]
    assert all(line.count("+-") == 3 for line in lines[2:-1])
    assert lines[-1].startswith("together ")


def test_seeds_answer_together(workdir):
    """By the mean of their probabilities, whatever the order of their clips."""
    parts = [predictions(seed) for seed in (2, 9, 10)]
    order = np.random.default_rng(0).permutation(CLIPS)
    turned = [column[order] for column in parts[1].columns]
    write_predictions(workdir / "seed_9" / "predictions.csv", Predictions(*turned))
    result = score_seeds(workdir)
    mean = sum(part.probabilities for part in parts) / 3
    wanted = dataclasses.replace(parts[0], predictions=mean.argmax(axis=1), probabilities=mean)
    assert result["together"]["full"]["uf1"] == score_predictions(wanted)["full"]["uf1"]
    assert result["together"]["full"]["uf1"] not in result["scores"]["full"]["uf1"]["values"]


def test_one_seed_has_no_deviation(tmp_path):
    (tmp_path / "seed_1").mkdir()
    write_predictions((tmp_path / "seed_1") / "predictions.csv", predictions(1))
    result = score_seeds(tmp_path)
    assert result["scores"]["full"]["uar"]["deviation"] is None
    assert "+-" not in format_seeds(result)
    assert "together" not in format_seeds(result)


def test_seeds_of_a_part_of_the_protocol(tmp_path):
    for seed in (1, 2):
        folder = tmp_path / f"seed_{seed}"
        folder.mkdir()
        write_predictions(folder / "predictions.csv", predictions(seed))
        names = ("sub01", "sub02", "sub03", "sub04", "sub05")
        clips = [Clip(f"casme2/{index}.png", names[index % 4], "casme2", index % 3) for index in range(CLIPS)]
        clips.append(Clip("casme2/left.png", "sub05", "casme2", 0))
        write_run_folds(
            folder, [Fold(name, (), tuple(c for c in clips if c.subject == name)) for name in names]
        )
    result = score_seeds(tmp_path)
    assert result["missing_folds"] == "4 of 5 folds"
    assert format_seeds(result).splitlines()[-1].startswith("4 of 5 folds: scores of a part")
    ((tmp_path / "seed_2") / "folds.csv").unlink()
    write_predictions((tmp_path / "seed_1") / "predictions.csv", predictions(1, clips=CLIPS - 1))
    with pytest.raises(DualATMEError, match="seed_1.*Received: 5 of 6 clips of fold sub04"):
        score_seeds(tmp_path)


def test_a_fold_that_diverged_in_one_seed_counts_in_none(tmp_path):
    names = ("sub01", "sub02", "sub03", "sub04")
    clips = [Clip(f"casme2/{index}.png", names[index % 4], "casme2", index % 3) for index in range(CLIPS)]
    folds = [Fold(name, (), tuple(clip for clip in clips if clip.subject == name)) for name in names]
    for seed in (1, 2):
        one = predictions(seed)
        there = one.subjects != "sub03" if seed == 2 else one.subjects != ""
        (tmp_path / f"seed_{seed}").mkdir()
        write_run_folds(tmp_path / f"seed_{seed}", folds)
        write_predictions(
            tmp_path / f"seed_{seed}" / "predictions.csv",
            Predictions(*(column[there] for column in one.columns)),
        )
    result = score_seeds(tmp_path)
    assert result["missing_folds"] == "3 of 4 folds"
    others = [predictions(seed) for seed in (1, 2)]
    others = [one.of_paths(one.paths[one.subjects != "sub03"]) for one in others]
    assert result["scores"]["full"]["uf1"]["values"] == [
        score_predictions(one)["full"]["uf1"] for one in others
    ]


def test_other_clips_are_refused(workdir):
    write_predictions((workdir / "seed_9") / "predictions.csv", predictions(9, clips=CLIPS - 1))
    with pytest.raises(DualATMEError, match="24 of seed 2, 23 of seed 9, 24 of seed 10; all have 23"):
        score_seeds(workdir)


def test_no_runs(tmp_path):
    assert find_seeds(tmp_path) == []
    with pytest.raises(DualATMEError, match="seed_N"):
        score_seeds(tmp_path)
