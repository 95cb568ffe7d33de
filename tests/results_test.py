"""The tables of the pages are those of results/, and results/ has what they claim."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from dualatme_keras.choices import MODELS, PRESETS
from dualatme_keras.runs import score_predictions

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def results():
    specification = importlib.util.spec_from_file_location("results", ROOT / "benchmarks" / "results.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_pages_have_the_tables_of_the_answers(results):
    """`python benchmarks/results.py write` makes them again."""
    named = set()
    for page in results.PAGES:
        text = page.read_text()
        assert results.write_page(text) == text, page
        named |= set(re.findall("<!-- table: (.*?) -->", text))
    assert named == set(results.TABLES)


def test_every_row_can_be_run(results):
    """Flags of the commands, networks that there are."""
    for name, experiment in results.EXPERIMENTS.items():
        for flag in experiment.flags.split():
            assert re.fullmatch(r"--(no)?[a-z_]+(=\S+)?", flag), (name, flag)
        (network,) = re.findall("--(?:preset|model|weights)=([a-z_{}]+)", experiment.flags.split()[0])
        known = {**PRESETS, **MODELS, "{drawn}": PRESETS["facs"]}[network]
        assert experiment.parameters == known["parameters"]


def test_all_answers_are_of_the_same_clips(results):
    files = sorted(ROOT.glob("results/*/*.csv"))
    assert files
    first = results.read("megc2019_flow", "linear").answers["1"]
    whole = {(path, label) for path, label in zip(first.paths, first.labels, strict=True)}
    assert len(whole) == 309
    for file in files:
        kept = results.read(file.parent.name, file.stem)
        for answers in kept.answers.values():
            assert {(path, label) for path, label in zip(answers.paths, answers.labels, strict=True)} == whole
            np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1, atol=2e-4)


def test_a_row_by_hand(results):
    """What one row says, from its file."""
    kept = results.read("megc2019_flow", "linear")
    scores = score_predictions(kept.answers["1"])["full"]
    row = next(
        line for line in results.networks_table("megc2019_flow").splitlines() if line.startswith("| `linear`")
    )
    assert f"| {scores['uf1']:.3f}".replace("0.", ".", 1) in row
    assert kept.mean("uar") == f"{scores['uar']:.3f}".removeprefix("0")
