"""What a run says of itself: its networks and how their images were prepared."""

import dataclasses
import json

import pytest

from dualatme_keras.data import Clip, Fold
from dualatme_keras.errors import DualATMEError
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.runs import read_run, write_run_folds

SETTINGS = PrepareSettings(flow="dis", image_size=20)


def touch_run(path, settings=SETTINGS, networks=("final", "folds/b", "folds/a")):
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"preparation": settings and dataclasses.asdict(settings)}))
    for name in networks:
        (path / name).mkdir(parents=True)
        (path / name / "model.keras").touch()
    return path


def names(run):
    return [file.parent.name for file in run.networks]


def test_networks_of_a_run(tmp_path):
    run = touch_run(tmp_path / "run")
    (run / "metrics.json").write_text('{"full": {"uf1": 0.5}}')
    assert names(read_run(run)) == names(read_run(run, "final")) == ["final"]
    assert names(read_run(run, "folds")) == ["a", "b"]
    assert read_run(run).settings == SETTINGS
    assert read_run(run).metrics["full"]["uf1"] == 0.5
    unfinished = touch_run(tmp_path / "unfinished", networks=("folds/a",))
    assert names(read_run(unfinished)) == ["a"]
    with pytest.raises(DualATMEError, match="final_model.*unfinished"):
        read_run(unfinished, "final")
    with pytest.raises(DualATMEError, match="a finished fold"):
        read_run(touch_run(tmp_path / "empty", networks=()))


def test_unfinished_runs_answer_only_when_asked(tmp_path):
    run = touch_run(tmp_path / "seed_1", networks=("folds/a", "folds/b"))
    clips = [Clip(f"{name}.png", name, "smic", 0) for name in "abc"]
    write_run_folds(run, [Fold(clip.subject, (), (clip,)) for clip in clips])
    for path in (run, tmp_path):  # the folder of seeds too
        for networks in ("auto", "folds"):
            with pytest.raises(DualATMEError, match="seed_1. Received: 2 of 3 folds. .*`unfinished=True`"):
                read_run(path, networks)
        assert names(read_run(path, unfinished=True)) == ["a", "b"]
    (run / "folds" / "c").mkdir()
    (run / "folds" / "c" / "model.keras").touch()
    assert names(read_run(run)) == ["a", "b", "c"]


def test_final_network_of_an_unfinished_run_is_whole(tmp_path):
    run = touch_run(tmp_path / "run")
    clips = [Clip(f"{name}.png", name, "smic", 0) for name in "abc"]
    write_run_folds(run, [Fold(clip.subject, (), (clip,)) for clip in clips])
    assert names(read_run(run)) == ["final"]
    with pytest.raises(DualATMEError, match="2 of 3 folds"):
        read_run(run, "folds")


def test_seeds_answer_together(tmp_path):
    for seed in (1, 2):
        touch_run(tmp_path / f"seed_{seed}")
    run = read_run(tmp_path, "folds")
    assert [str(file.relative_to(tmp_path)) for file in run.networks] == [
        f"seed_{seed}/folds/{fold}/model.keras" for seed in (1, 2) for fold in "ab"
    ]
    assert run.settings == SETTINGS
    touch_run(tmp_path / "seed_3", settings=PrepareSettings())
    with pytest.raises(DualATMEError, match="same settings.*seed_1.*seed_3"):
        read_run(tmp_path)


def test_settings_are_the_runs(tmp_path):
    run = read_run(touch_run(tmp_path / "run"))
    assert run.settings_for(None) == SETTINGS
    # Where landmarks come from is free.
    assert run.settings_for(dataclasses.replace(SETTINGS, landmarks="template")).landmarks == "template"
    with pytest.raises(DualATMEError, match="flow 'dis' -> 'tvl1'"):
        run.settings_for(dataclasses.replace(SETTINGS, flow="tvl1"))
    unknown = read_run(touch_run(tmp_path / "unknown", settings=None))
    assert unknown.settings_for(SETTINGS) == SETTINGS
    with pytest.raises(DualATMEError, match="Give `settings`: a prepare.json, or published"):
        unknown.settings_for(None)


def test_what_is_no_keras_file_is_refused(tmp_path):
    (tmp_path / "junk.keras").write_bytes(b"junk")
    with pytest.raises(DualATMEError, match="Expected a .keras file. Received: .*junk.keras"):
        read_run(tmp_path / "junk.keras")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no config.json"),
        ("{", "config.json:1: Expected JSON"),
        ('{"preparation": {"flow": "other"}}', "config.json.*`flow`"),
        ('{"preparation": {"unheard": 1}}', "config.json.*unheard"),
    ],
)
def test_no_run(content, message, tmp_path):
    touch_run(tmp_path / "run")
    file = tmp_path / "run" / "config.json"
    file.write_text(content) if content else file.unlink()
    with pytest.raises(DualATMEError, match=message):
        read_run(tmp_path / "run")
    with pytest.raises(DualATMEError, match="is not there"):
        read_run(tmp_path / "nowhere")


@pytest.mark.parametrize("networks", ["final", "folds"])
def test_a_file_is_one_network(networks):
    assert len(read_run("facs").networks) == 1
    with pytest.raises(DualATMEError, match=f"a run with `networks='{networks}'`. Received: facs.keras"):
        read_run("facs", networks)
