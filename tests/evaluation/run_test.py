"""A run's scores, figures, log and report come from predictions.csv; the rest is decoration."""

import base64
import dataclasses
import io
import json
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from dualatme_keras.data.clips import Clip, Fold
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation import evaluate_run, format_table
from dualatme_keras.metrics import pooled_scores
from dualatme_keras.runs import (
    Branches,
    Predictions,
    RunDirectory,
    read_branches,
    write_predictions,
    write_run_folds,
)
from dualatme_keras.runs.branches import write_branches

EVIL = '<script>alert("x")</script>&'


def make_predictions():
    """24 clips of six subjects in two databases; the first SMIC clip's name is hostile."""
    rng = np.random.default_rng(4)
    subjects = np.repeat(["sub01", "sub02", "sub03", "s01", "s02", EVIL], 4)
    databases = np.repeat(["casme2", "smic"], 12)
    paths = [f"{s}_EP01_{i:02d}f_flow.png" for i, s in enumerate(subjects)]
    paths[12] = f"{EVIL}_flow.png"
    labels = rng.integers(3, size=24)
    predictions = np.where(rng.uniform(size=24) < 0.6, labels, rng.integers(3, size=24))
    predictions[12] = (labels[12] + 1) % 3  # so that it is listed
    probabilities = np.where(np.eye(3)[predictions], 0.8, 0.1).astype(np.float32)
    return Predictions(np.array(paths), subjects, databases, labels, predictions, probabilities)


@pytest.fixture
def workdir(tmp_path):
    write_predictions(tmp_path / "predictions.csv", make_predictions())
    return tmp_path


class Page(HTMLParser):
    """Collects text, tags and addresses, and checks that tags are closed in order."""

    VOID = ("meta", "img", "br")

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.texts, self.sources = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read_page(workdir):
    page = Page((workdir / "report.html").read_text(encoding="utf-8"))
    assert not page.open
    return page


def test_predictions_alone_are_enough(workdir):
    run = make_predictions()
    result = evaluate_run(workdir)
    assert result == pooled_scores(run.labels, run.predictions, run.subjects, run.databases)
    assert json.loads((workdir / "metrics.json").read_text()) == result
    assert (workdir / "challenge_log.txt").read_text().startswith("casme2 sub01\nEP01_00f ")
    assert sorted(path.name for path in workdir.iterdir()) == [
        "challenge_log.txt",
        "figures",
        "metrics.json",
        "predictions.csv",
        "report.html",
    ]
    figures = sorted((workdir / "figures").iterdir())
    assert [f.stem for f in figures] == [
        "confusion_casme2",
        "confusion_full",
        "confusion_smic",
        "reliability",
    ]
    for figure in figures:
        with Image.open(figure) as image:
            assert min(image.size) > 500
    read_page(workdir)


def folds_of(predictions, further=()):
    """A fold for each subject, as the run that answered would have them, and further ones."""
    clips = [Clip(*row) for row in zip(*(c.tolist() for c in columns_of(predictions)), strict=True)] + [
        *further
    ]
    subjects = dict.fromkeys(clip.subject for clip in clips)
    return [Fold(name, (), tuple(clip for clip in clips if clip.subject == name)) for name in subjects]


def columns_of(predictions):
    return predictions.paths, predictions.subjects, predictions.databases, predictions.labels


def test_a_part_of_a_protocol_says_so_everywhere(workdir):
    """Six folds of eight."""
    left = [Clip(f"{name}_EP01_flow.png", name, "casme2", 0) for name in ("sub04", "sub05")]
    write_run_folds(workdir, folds_of(make_predictions(), left))
    result = evaluate_run(workdir)
    assert [result[part]["folds"] for part in ("full", "casme2", "smic")] == [
        {"answered": 6, "of": 8},
        {"answered": 3, "of": 5},
        {"answered": 3, "of": 3},
    ]
    assert json.loads((workdir / "metrics.json").read_text()) == result
    lines = format_table(result).splitlines()
    assert lines[0].endswith("clips  subjects   folds")
    assert [line.split()[-3:] for line in lines[1:4]] == [[n, "of", m] for n, m in ("68", "35", "33")]
    assert lines[4] == "6 of 8 folds: scores of a part, not of the whole protocol"
    text = "|".join(read_page(workdir).texts)
    assert "CASME II, SMIC. 6 of 8 folds: scores of a part" in text
    assert "|3 of 5|" in text
    log = (workdir / "challenge_log.txt").read_text().splitlines()
    assert log[:2] == ["# 6 of 8 folds: not a submission", "casme2 sub01"]


def test_a_whole_run_is_scored_as_without_its_folds(workdir):
    alone = evaluate_run(workdir)
    log = (workdir / "challenge_log.txt").read_bytes()
    assert "not known: there is no folds.csv" in "|".join(read_page(workdir).texts)
    write_run_folds(workdir, folds_of(make_predictions()))
    whole = evaluate_run(workdir)
    assert whole["full"].pop("folds") == {"answered": 6, "of": 6}
    for part in ("casme2", "smic"):
        assert whole[part].pop("folds") == {"answered": 3, "of": 3}
    assert whole == alone
    assert format_table(evaluate_run(workdir)) == format_table(alone)
    assert (workdir / "challenge_log.txt").read_bytes() == log
    assert "not known" not in "|".join(read_page(workdir).texts)


def test_predictions_that_were_cut_off_are_refused(workdir):
    write_run_folds(workdir, folds_of(make_predictions()))
    lines = (workdir / "predictions.csv").read_text().splitlines(keepends=True)
    (workdir / "predictions.csv").write_text("".join(lines[:7]))
    with pytest.raises(DualATMEError, match="Received: 2 of 4 clips of fold sub02. The dualatme-train"):
        evaluate_run(workdir)
    assert not (workdir / "metrics.json").exists()


def flow_images(folder, paths):
    """Everything stands still but a patch that moves to the right."""
    for path in paths:
        image = np.full((28, 28, 3), 100, "uint8")
        image[4:10, 15:25, 0] = 250
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)


def test_mistakes_have_their_flow_images(workdir, tmp_path):
    """Where the images are on this machine; else the page says why not."""
    run = make_predictions()
    run = dataclasses.replace(run, paths=np.array([f"/elsewhere/flow/{i}_flow.png" for i in range(24)]))
    write_predictions(workdir / "predictions.csv", run)
    evaluate_run(workdir)
    assert "Their flow images are not shown. No config.json says where they lie." in read_page(workdir).texts
    root = tmp_path / "images"
    (workdir / "config.json").write_text(json.dumps({"data_root": str(root)}))
    evaluate_run(workdir)
    assert "which is not a directory" in "|".join(read_page(workdir).texts)
    flow_images(root, [path.removeprefix("/elsewhere/") for path in run.paths])
    evaluate_run(workdir)
    page = read_page(workdir)
    wrong = np.flatnonzero(run.labels != run.predictions)
    assert page.tags.count("figcaption") == len(wrong) == 11
    first = wrong[0]
    names = ("negative", "positive", "surprise")
    assert f"{names[run.labels[first]]}, told {names[run.predictions[first]]} .80" in page.texts
    content = io.BytesIO(base64.b64decode(page.sources[-1].split(",")[1]))
    with Image.open(content) as picture:
        colours = np.asarray(picture.convert("RGB"))
    assert colours.shape == (140, 140, 3)
    assert (colours[100, 100] == 255).all()
    assert colours[35, 100].tolist() == [255, 0, 0]


def test_what_the_branches_did_is_in_the_order_of_the_clips(workdir):
    run, folds = make_predictions(), {}
    for number, subject in enumerate(dict.fromkeys(run.subjects.tolist())):
        rows = np.flatnonzero(run.subjects == subject)[::-1]
        fold = workdir / "folds" / f"{9 - number}"
        fold.mkdir(parents=True)
        (fold / "model.keras").write_text("")
        write_predictions(fold / "predictions.csv", run.of_paths(run.paths[rows]))
        folds[fold] = Branches(np.float32(rows / 100), np.full((4, 7, 7), rows[:, None, None] / 24))
        write_branches(fold / "branches.npz", folds[fold])
    found = read_branches(RunDirectory(workdir), run)
    np.testing.assert_allclose(found.similarity, np.arange(24) / 100, rtol=1e-6)
    np.testing.assert_allclose(found.attention[:, 3, 3], np.arange(24) / 24, rtol=1e-6)
    evaluate_run(workdir)
    figures = {path.stem for path in (workdir / "figures").iterdir()}
    assert {"similarity", "attention"} <= figures
    assert "Branches and attention" in read_page(workdir).texts
    # One branch has no similarity; a fold without any makes the page say nothing.
    for fold, branches in folds.items():
        write_branches(fold / "branches.npz", dataclasses.replace(branches, similarity=None))
    assert read_branches(RunDirectory(workdir), run).similarity is None
    write_branches(fold / "branches.npz", Branches(np.zeros(3), np.zeros((3, 7, 7))))
    with pytest.raises(DualATMEError, match="Expected similarity of 4 clips.*branches.npz"):
        evaluate_run(workdir)
    for content in (b"PK none", b"PK\x03\x04 cut off"):
        (fold / "branches.npz").write_bytes(content)
        with pytest.raises(DualATMEError, match="readable branches.npz"):
            evaluate_run(workdir)
    (fold / "branches.npz").unlink()
    assert read_branches(RunDirectory(workdir), run) is None


def test_the_report_says_what_folds_chose(workdir):
    for fold, chosen, uf1 in (("sub01", "a", 0.5), ("sub02", "b", None), ("s01", "b", 0.3)):
        rows = [
            {"name": name, "settings": {}, "uf1": uf1, "uar": uf1, "chosen": name == chosen} for name in "ab"
        ]
        (workdir / "folds" / fold).mkdir(parents=True)
        (workdir / "folds" / fold / "selection.json").write_text(json.dumps(rows))
    (workdir / "config.json").write_text(json.dumps({"epochs": 60}))
    evaluate_run(workdir)
    texts = read_page(workdir).texts
    place = texts.index("What the folds chose")
    assert [text for text in texts[place:] if text.strip()][6:14] == [
        *("a", "1 of 3", ".4000", ".4000"),
        *("b", "2 of 3", ".4000", ".4000"),
    ]
    # What is told of the run may not be what a fold was trained with.
    after_configuration = texts[texts.index("Configuration") :]
    assert any("What a fold chose" in text for text in after_configuration)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"initial_weights": "none"}, None),
        ({"initial_weights": "facs"}, None),
        (
            {"initial_weights": "runs/a/final/model.keras"},
            "the weights of runs/a/final/model.keras: a test only",
        ),
        (
            {"initial_weights": None, "settings_of_candidates": {"x": {"initial_weights": "x.keras"}}},
            "of x.keras",
        ),
    ],
)
def test_the_report_vouches_for_no_weights_of_others(config, told, workdir):
    (workdir / "config.json").write_text(json.dumps(config))
    evaluate_run(workdir)
    (words,) = [text for text in read_page(workdir).texts if "without any clip of its subject" in text]
    assert told in words if told else words.endswith("of its subject.")


def test_a_second_evaluation_gives_the_same_files(workdir):
    evaluate_run(workdir)
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    (workdir / "metrics.json").write_text("stale")
    evaluate_run(workdir)
    assert {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()} == before


def test_the_report_is_self_contained_and_escapes_everything(workdir):
    (workdir / "config.json").write_text(json.dumps({EVIL: EVIL, "loss": {"gamma": 2, "empty": {}}}))
    (workdir / "environment.json").write_text(json.dumps({"keras": "3.15", "devices": [EVIL]}))
    evaluate_run(workdir)
    page = read_page(workdir)
    assert "script" not in page.tags
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert page.texts.count(EVIL) >= 5  # clip, subject twice, name and value of the configuration
    assert {"loss.gamma", "2", "loss.empty", "{}", "3.15", "Environment"} <= set(page.texts)


def test_the_report_lists_subjects_and_mistakes(workdir):
    run = make_predictions()
    evaluate_run(workdir)
    text = "|".join(read_page(workdir).texts)
    mistakes = (run.labels != run.predictions).sum()
    assert f"{mistakes} of 24 clips" in text
    correct = (run.labels == run.predictions)[:4].sum()
    assert f"sub01|CASME II|4|{correct}|{correct / 4:.0%}" in text
    for word in ("Pooled over folds", "0 negative, 1 positive, 2 surprise"):
        assert word in text


def test_the_report_shows_scores_on_lines_from_0_to_1(workdir):
    scores = evaluate_run(workdir)["full"]
    html = (workdir / "report.html").read_text(encoding="utf-8")
    for score in ("uf1", "uar", "accuracy"):
        low, high = scores["intervals"][score]
        band = f'<i style="left: {100 * low:.1f}%; width: {100 * (high - low):.1f}%"></i>'
        assert f'{band}<b style="left: {100 * scores[score]:.1f}%"></b>' in html
    run = make_predictions()
    share = 100 * np.mean((run.labels == run.predictions)[:4])
    assert f"var(--soft) {share:.1f}%, transparent {share:.1f}%" in html


def test_the_report_orders_subjects_by_number_and_mistakes_by_confidence(tmp_path):
    subjects = np.array(["006", "011", "s9", "s10", "sub2"])
    probabilities = np.array(
        [[0.4, 0.3, 0.3], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2], [1, 0, 0], [0, 0, 1]], "float32"
    )
    write_predictions(
        tmp_path / "predictions.csv",
        Predictions(
            paths=np.array([f"clip{index}_flow.png" for index in range(5)]),
            subjects=subjects,
            databases=np.array(["samm", "samm", "smic", "smic", "casme2"]),
            labels=np.array([1, 2, 1, 0, 1]),
            predictions=probabilities.argmax(axis=1),
            probabilities=probabilities,
        ),
    )
    evaluate_run(tmp_path)
    texts = read_page(tmp_path).texts
    text = "|".join(texts)
    assert "4 of 5 clips, the surest mistakes first" in text
    mistakes = texts[texts.index("Misclassified clips") : texts.index("Subjects")]
    assert [word for word in mistakes if word.startswith("clip") and word[-1].isdigit()] == [
        "clip4",
        "clip1",
        "clip2",
        "clip0",
    ]
    assert "clip1|011|SAMM|surprise|positive|.10|.80|.10" in "|".join(
        word for word in mistakes if word.strip()
    )
    listed = texts[texts.index("Subjects") :]
    order = [word for word in listed if word in subjects]
    assert order == ["sub2", "006", "011", "s9", "s10"]
    assert "s10|SMIC|1|1|100%" in "|".join(word for word in listed if word.strip())


def test_the_report_claims_a_protocol_only_for_a_training_run(workdir):
    evaluate_run(workdir)
    texts = read_page(workdir).texts
    assert "Last epoch" not in texts
    assert "Origin of the answers" in texts
    (workdir / "config.json").write_text('{"epochs": 60}')
    evaluate_run(workdir)
    texts = read_page(workdir).texts
    assert {"Left-out people", "Last epoch"} <= set(texts)
    assert "Origin of the answers" not in texts


def test_training_curves_tolerate_what_folds_left(workdir):
    histories = {
        "sub01": "epoch,loss,uf1\n0,1.0,.3\n1,0.5,.6\n2,0.4,.7\n",
        "sub02": "epoch,loss\n0,1.1\n1,0.6\n2,0.",  # shorter, without uf1
        "sub03": "epoch,loss,uf1\n0,nan,.2\n1,0.7",  # cut off
        "s01": "",
        "s02": "epoch\n0\n",
        "s03": "loss,note\n1.0,hello\n",  # no epochs, a column of words
    }
    for name, text in histories.items():
        (workdir / "folds" / name).mkdir(parents=True)
        (workdir / "folds" / name / "history.csv").write_text(text)
    evaluate_run(workdir)
    assert (workdir / "figures" / "training_curves.png").exists()
    assert "Training" in read_page(workdir).texts


def test_histories_without_a_curve_draw_no_figure(workdir):
    (workdir / "folds" / "sub01").mkdir(parents=True)
    (workdir / "folds" / "sub01" / "history.csv").write_text("epoch\n0\n")
    evaluate_run(workdir)
    assert not (workdir / "figures" / "training_curves.png").exists()
    assert "Training" not in read_page(workdir).texts


def test_a_perfect_run_of_one_subject(tmp_path):
    labels = np.array([0, 1])
    one = Predictions(
        np.array(["006_1_2_flow.png", "006_1_3_flow.png"]),
        np.array(["006"] * 2),
        np.array(["samm"] * 2),
        labels,
        labels,
        np.eye(3, dtype=np.float32)[:2],
    )
    write_predictions(tmp_path / "predictions.csv", one)
    result = evaluate_run(tmp_path)
    assert result["full"]["intervals"]["uf1"] is None
    assert result["full"]["accuracy"] == 1
    assert "None." in read_page(tmp_path).texts


def test_what_is_missing_or_malformed_is_named(workdir):
    with pytest.raises(DualATMEError, match="nowhere, which is not there"):
        evaluate_run(workdir / "nowhere")
    (workdir / "begun").mkdir()
    with pytest.raises(DualATMEError, match="begun, which is no run"):
        evaluate_run(workdir / "begun")
    (workdir / "begun" / "config.json").write_text("{}")
    with pytest.raises(DualATMEError, match="begun, a run without a finished fold"):
        evaluate_run(workdir / "begun")
    (workdir / "config.json").write_text('{\n"epochs": }')
    with pytest.raises(DualATMEError, match=r"config\.json:2: Expected JSON"):
        evaluate_run(workdir)
    (workdir / "config.json").write_text("[1]")
    with pytest.raises(DualATMEError, match="Expected a JSON object"):
        evaluate_run(workdir)
    assert not (workdir / "metrics.json").exists()


def test_evaluation_needs_neither_keras_nor_pyplot():
    code = (
        "import sys, dualatme_keras.evaluation;"
        "assert not {'keras', 'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
