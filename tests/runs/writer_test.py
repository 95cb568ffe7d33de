"""What a run was begun with against what it would go on with."""

import json

import pytest

from dualatme_keras.data import Clip
from dualatme_keras.errors import DualATMEError
from dualatme_keras.runs import Predictions, RunWriter, begin_run, fold_files, read_run, training_files
from dualatme_keras.runs.continuation import find_differences

RECORD = {
    "epochs": 60,
    "databases": ("smic",),
    "lists_sha256": "1",
    "images_sha256": {"casme2": "2", "smic": "3"},
    "preparation": {"flow": "dis", "margin": 0.1},
    "computed_with": {
        "versions": {"dualatme-keras": "0.1.0", "keras": "3.15"},
        "implementation": "fast",
        "threads": 2,
    },
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"epochs": 30}, [(None, "epochs 60 -> 30")]),
        ({"images_sha256": {"casme2": "2", "smic": "4"}}, [(None, "the images of smic changed")]),
        ({"lists_sha256": "2", "images_sha256": {"smic": "4"}}, [(None, "the lists changed")]),
        ({"preparation": {"flow": "dis", "margin": 0.2}}, [(None, "preparation.margin 0.1 -> 0.2")]),
        ({"preparation": None}, [(None, "preparation that of prepare.json -> None")]),
        (
            {
                "computed_with": {
                    "versions": {"dualatme-keras": "0.2.0", "keras": "3.15"},
                    "implementation": "plain",
                }
            },
            [
                ("implementation", "implementation fast -> plain (`implementation='fast'` keeps it)"),
                ("threads", "threads 2 -> None (`threads=2` keeps it)"),
                ("version", "version of dualatme-keras 0.1.0 -> 0.2.0"),
            ],
        ),
    ],
)
def test_differences_in_words(change, expected):
    assert list(find_differences(RECORD, {**RECORD, **change})) == expected


def test_another_version_of_what_fits_a_regression():
    now = {
        **RECORD,
        "computed_with": {
            **RECORD["computed_with"],
            "versions": {"keras": "3.15", "scipy": "1.2", "scikit-learn": "1"},
        },
    }
    begun = {**RECORD, "computed_with": {**now["computed_with"], "versions": {"keras": "3.15"}}}
    ((name, words),) = find_differences(begun, now)
    assert (name, words) == ("unrecorded", "a run that did not record the version of scikit-learn, scipy")
    versions = now["computed_with"]["versions"] | {"scipy": "1.3"}
    other = {**now, "computed_with": {**now["computed_with"], "versions": versions}}
    assert list(find_differences(now, other)) == [("version", "version of scipy 1.2 -> 1.3")]


def test_what_may_differ_is_no_difference():
    assert not list(find_differences(RECORD, {**RECORD, "epochs": 30}, may_differ=("epochs",)))


def test_settings_that_are_gone_and_new_ones():
    begun = {**RECORD, "gamma": 2}
    assert list(find_differences(begun, RECORD)) == [(None, "gamma 2 -> None")]
    ((name, words),) = find_differences(RECORD, begun)
    assert (name, words) == ("unrecorded", "a run that did not record gamma")


@pytest.mark.parametrize("name", ["new_model", "callbacks", "augment"])
def test_what_is_plugged_in_is_not_there_where_no_record_has_it(name):
    assert list(find_differences(RECORD, {**RECORD, name: "mine"})) == [(None, f"{name} None -> 'mine'")]
    assert list(find_differences({**RECORD, name: "mine"}, RECORD)) == [(None, f"{name} 'mine' -> None")]


def test_adamw_of_versions_in_which_it_decayed_unasked():
    """Nobody goes on with it; a decay that was asked for is the same one."""
    begun = {**RECORD, "optimizer": "adamw", "weight_decay": 0.0}
    ((name, words),) = find_differences(begun, {**begun, "adamw_decay": 0.0})
    assert name is None
    assert "decayed by .004" in words
    assert not list(find_differences(begun, {**begun, "adamw_decay": None}))


@pytest.mark.parametrize("candidates", [None, {"one": {}, "two": {}}])
def test_compiling_says_nothing_about_runs_without_steps(candidates):
    now = {**RECORD, "solver": "logistic", "candidates": candidates, "jit_compile": False}
    found = list(find_differences({**now, "jit_compile": True}, now))
    assert found == ([(None, "jit_compile True -> False")] if candidates else [])
    steps = {**now, "solver": "gradient"}
    assert len(list(find_differences({**steps, "jit_compile": True}, steps))) == 1


def test_run_with_earlier_names_of_settings(tmp_path):
    """It goes on with the same values under the names of today, which its record has from then on."""
    computed = RECORD["computed_with"]
    names = {"implementation": "auto", "puzzle_source": "layer", "ground_truth": "list.csv"}
    now = {**RECORD, **names}
    old = {**RECORD, "form": "auto", "puzzle": "layer", "protocol_csv": "list.csv"}
    old["computed_with"] = {"versions": computed["versions"], "form": "fast", "threads": 2}
    config = tmp_path / "config.json"
    config.write_text(json.dumps(old))
    with pytest.raises(DualATMEError, match=r"Received: puzzle_source 'layer' -> 'image'\. Choose"):
        RunWriter(tmp_path, {**now, "puzzle_source": "image"})
    plain = {**now, "computed_with": {**computed, "implementation": "plain"}}
    with pytest.raises(DualATMEError, match=r"implementation fast -> plain .*despite=\('implementation',\)"):
        RunWriter(tmp_path, plain)
    RunWriter(tmp_path, {**now, "ground_truth": None}, may_differ=("ground_truth",))
    kept = {"format": 1, **now, "ground_truth": None}
    assert json.loads(config.read_text()) == json.loads(json.dumps(kept))


@pytest.mark.parametrize("version", [2, "two"])
def test_run_of_a_newer_version_is_left_alone(version, tmp_path):
    RunWriter(tmp_path, RECORD)
    config = tmp_path / "config.json"
    newer = config.read_text().replace('"format": 1', f'"format": {json.dumps(version)}')
    config.write_text(newer)
    for read in (lambda: RunWriter(tmp_path, RECORD), lambda: read_run(tmp_path)):
        with pytest.raises(DualATMEError, match=f"format 1 or before. Received: .*, of format {version!r}"):
            read()
    assert config.read_text() == newer


def test_run_of_an_older_version(tmp_path):
    """It did not record images and computation; accepted once, they are recorded from then on."""
    older = {name: RECORD[name] for name in ("epochs", "databases", "lists_sha256", "preparation")}
    RunWriter(tmp_path, older)
    with pytest.raises(
        DualATMEError, match=r"not record computed_with, images_sha256. .*despite=\('unrecorded',\)`,"
    ):
        RunWriter(tmp_path, RECORD)
    run = RunWriter(tmp_path, RECORD, despite=("unrecorded",))
    (tmp_path / "environment.json").write_text('{"python": "3.10"}')
    run.write_environment({"python": "3.11"}, ["sub01"])
    assert json.loads((tmp_path / "environment.json").read_text()) == {
        "python": "3.10",
        "continuations": [
            {
                "python": "3.11",
                "folds": ["sub01"],
                "despite": ["a run that did not record computed_with, images_sha256"],
            }
        ],
    }
    RunWriter(tmp_path, RECORD)
    with pytest.raises(
        DualATMEError, match="the images of smic changed. Choose another `workdir`, or delete"
    ):
        RunWriter(
            tmp_path, {**RECORD, "images_sha256": {"casme2": "2", "smic": "4"}}, despite=("unrecorded",)
        )


def test_what_cannot_be_passed_over_offers_no_way_to(tmp_path):
    RunWriter(tmp_path, RECORD)
    other = {**RECORD, "epochs": 30, "computed_with": {**RECORD["computed_with"], "threads": 1}}
    with pytest.raises(
        DualATMEError, match=r"Received: threads 2 -> 1 \(.*\), epochs 60 -> 30. Choose .* or delete"
    ):
        RunWriter(tmp_path, other)


def test_folds_and_final_network_are_written_whole(tmp_path):
    """Whatever was there of them: an earlier one, and half of one."""
    run = RunWriter(tmp_path / "new" / "run", RECORD)
    answers = Predictions.of_clips([Clip("a.png", "sub01", "smic", 0)], [[0.5, 0.25, 0.25]])
    half = run.fold("sub01").with_name(".sub01.partial")
    half.mkdir(parents=True)
    (half / "half.txt").touch()
    for content in ("first", "second"):
        history = {"loss": [0.5, 0.25], "uf1": [0.1, 0.2]}
        files = training_files(history, lambda path, content=content: path.write_text(content))
        run.unfinished("sub01").mkdir()
        run.write_fold("sub01", fold_files(files, answers))
        run.write_final(
            training_files(history, lambda path, content=content: path.write_text(f"final {content}"))
        )
    assert [path.name for path in run.fold("sub01").parent.iterdir()] == ["sub01"]
    assert {path.name for path in run.fold("sub01").iterdir()} == {
        "history.csv",
        "model.keras",
        "predictions.csv",
    }
    assert (run.fold("sub01") / "history.csv").read_bytes() == b"epoch,loss,uf1\n1,0.5,0.1\n2,0.25,0.2\n"
    assert (run.fold("sub01") / "model.keras").read_text() == "second"
    assert run.read_fold("sub01").paths.tolist() == ["a.png"]
    assert run.final_model.read_text() == "final second"
    assert (run.final_model.parent / "history.csv").exists()


def test_a_run_begins_in_an_empty_folder_only(tmp_path):
    (tmp_path / "other.txt").touch()
    with pytest.raises(DualATMEError, match="Expected `workdir` to be a new or empty folder.*other files"):
        RunWriter(tmp_path, RECORD)
    (tmp_path / "other.txt").unlink()
    run = RunWriter(tmp_path, RECORD)
    run.write_environment({"python": "3.10"}, ["sub01"])
    assert json.loads((tmp_path / "environment.json").read_text()) == {"python": "3.10", "folds": ["sub01"]}
    # What may differ is written anew, everything else stays.
    RunWriter(tmp_path, {**RECORD, "epochs": 30}, may_differ=("epochs",))
    assert json.loads((tmp_path / "config.json").read_text()) == {
        **RECORD,
        "format": 1,
        "epochs": 30,
        "databases": ["smic"],
    }


def test_a_run_that_was_killed_in_its_first_moments_begins_anew(tmp_path):
    (tmp_path / ".config.json.123.tmp").write_text("{")
    with begin_run(tmp_path, RECORD) as run:
        assert run.config.exists()
    assert not list(tmp_path.glob("*.tmp"))


def test_a_run_in_use_is_left_alone(tmp_path):
    """Also what a killed process left of a file is removed by who has the folder, and by nobody else."""
    left = tmp_path / "run" / ".metrics.json.123.tmp"
    with begin_run(tmp_path / "run", RECORD) as run:
        left.touch()
        before = run.config.read_bytes()
        with (
            pytest.raises(DualATMEError, match="Expected `workdir` .* in use by process"),
            begin_run(tmp_path / "run", {**RECORD, "epochs": 30}),
        ):
            pass
        assert run.config.read_bytes() == before
        assert left.exists()
    with begin_run(tmp_path / "run", RECORD):
        assert not left.exists()


def test_a_folder_of_others_gets_no_lock(tmp_path):
    (tmp_path / "other.txt").touch()
    with pytest.raises(DualATMEError, match="other files"), begin_run(tmp_path, RECORD):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]
