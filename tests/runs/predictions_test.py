"""predictions.csv comes back as it was written; a malformed one is refused with file and line."""

import dataclasses

import numpy as np
import pytest

from dualatme_keras.data import Clip
from dualatme_keras.errors import DualATMEError
from dualatme_keras.runs import Predictions, concatenate, read_predictions, write_predictions
from dualatme_keras.runs.predictions import COLUMNS, replace_file

HEADER = ",".join(COLUMNS)
ROW = "a_flow.png,sub01,casme2,0,1,0.25,0.5,0.25"


def make_predictions(size=50, seed=0):
    rng = np.random.default_rng(seed)
    logits = 20 * rng.normal(size=(size, 3))
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return Predictions(
        np.array([f'dir, "x" é/{i} flow.png' for i in range(size)]),
        np.array([f"sub{i:02d}" for i in range(size)]),
        np.array(["casme2", "samm", "smic"])[np.arange(size) % 3],
        rng.integers(3, size=size),
        logits.argmax(1),
        (shares / shares.sum(1, keepdims=True)).astype(np.float32),
    )


def assert_same(first, second):
    for name in (field.name for field in dataclasses.fields(Predictions)):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_the_answer_for_a_clip_is_its_likeliest_class():
    clips = [
        Clip(f"{subject}.png", subject, "smic", label)
        for subject, label in zip("abcd", (0, 1, 2, 0), strict=True)
    ]
    probabilities = [[0.1, 0.2, 0.7], [0.3, 0.6, 0.1], [0.5, 0.4, 0.1], [0.4, 0.3, 0.3]]
    answers = Predictions.of_clips(clips, probabilities)
    assert answers.predictions.tolist() == [2, 1, 0, 0]
    assert answers.labels.tolist() == [0, 1, 2, 0]
    assert answers.subjects.tolist() == [clip.subject for clip in clips]


def test_predictions_compare_as_objects_because_arrays_have_no_single_answer():
    one = make_predictions(2)
    assert one == one
    assert one != make_predictions(2)
    assert len({one, one}) == 1


def test_round_trip_is_exact(tmp_path):
    written = make_predictions()
    written.probabilities[0] = [np.float32(1e-42), np.nextafter(np.float32(1), np.float32(0)), 0]
    write_predictions(tmp_path / "p.csv", written)
    read = read_predictions(tmp_path / "p.csv")
    assert_same(read, written)
    assert read.probabilities.dtype == np.float32
    assert read.labels.dtype == read.predictions.dtype == np.int64
    assert len(read) == 50


def test_the_file_is_the_documented_table(tmp_path):
    one = Predictions(
        np.array(["a, b.png"]),
        np.array(["006"]),
        np.array(["samm"]),
        np.array([2]),
        np.array([1]),
        np.array([[0.25, 0.5, 0.25]]),
    )
    write_predictions(tmp_path / "p.csv", one)
    assert (tmp_path / "p.csv").read_bytes() == (
        b"path,subject,database,label,prediction,p_negative,p_positive,p_surprise\n"
        b'"a, b.png",006,samm,2,1,0.25,0.5,0.25\n'
    )


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "p.csv"
    write_predictions(path, make_predictions(3))
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        replace_file(path, b"half")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]


def test_columns_of_unequal_length_are_not_written(tmp_path):
    broken = dataclasses.replace(make_predictions(2), probabilities=np.ones((1, 3)))
    with pytest.raises(ValueError, match="zip"):
        write_predictions(tmp_path / "p.csv", broken)
    assert not list(tmp_path.iterdir())


def test_concatenate_keeps_the_order():
    first, second = make_predictions(3, 1), make_predictions(2, 2)
    pooled = concatenate(part for part in (first, second))
    assert len(pooled) == 5
    assert pooled.paths.tolist() == first.paths.tolist() + second.paths.tolist()
    np.testing.assert_array_equal(pooled.probabilities[3:], second.probabilities)
    with pytest.raises(DualATMEError, match="at least one fold"):
        concatenate([])


@pytest.mark.parametrize(
    ("classes", "accepted"),
    [
        ("calm,moved", True),
        ("a,b,c,d", True),
        ("calm", False),
        ("", False),
        ("a,b,a", False),
        ("a,,b", False),
    ],
)
def test_a_header_names_two_classes_or_more_each_once(classes, accepted, tmp_path):
    names = classes.split(",") if classes else []
    path = tmp_path / "p.csv"
    header = ",".join([*HEADER.split(",")[:5], *(f"p_{name}" for name in names)])
    path.write_text(f"{header}\na.png,sub01,casme2,0,0{',0.25' * len(names)}\n")
    if accepted:
        assert read_predictions(path).class_names == tuple(names)
    else:
        with pytest.raises(DualATMEError, match=":1: Expected the header .*, or p_NAME of other classes"):
            read_predictions(path)


def test_probabilities_may_exceed_their_range_by_a_rounding(tmp_path):
    path = tmp_path / "p.csv"
    for low, high, accepted in (("-0.0009", "1.0009", True), ("-0.002", "1", False), ("0", "1.002", False)):
        path.write_text(f"{HEADER}\n{ROW.replace('0.25,0.5', f'{low},{high}')}\n")
        if accepted:
            assert read_predictions(path).probabilities[0, :2].tolist() == pytest.approx([-0.0009, 1.0009])
        else:
            with pytest.raises(DualATMEError, match="probability from 0 to 1"):
                read_predictions(path)


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", 1, "Expected the header"),
        ("a,b\n", 1, "Expected the header"),
        (f"{HEADER}\n", 2, "only a header"),
        (f"{HEADER}\n{ROW}\n{ROW},9\n", 3, "Expected 8 columns"),
        (f"{HEADER}\n{ROW}\n\n", 3, "Expected 8 columns"),
        (f"{HEADER}\n{ROW.replace(',0,1,', ',3,1,')}\n", 2, "label to be one of 0 .negative.*Received: '3'"),
        (f"{HEADER}\n{ROW.replace(',0,1,', ',0,-1,')}\n", 2, "prediction to be one of"),
        (f"{HEADER}\n{ROW.replace(',0,1,', ',0.0,1,')}\n", 2, "label"),
        (f"{HEADER}\n{ROW.replace('casme2', '../lab')}\n", 2, "Received: '../lab', which leads"),
        (f"{HEADER}\n{ROW.replace('casme2', 'full')}\n", 2, "Received: 'full'"),
        (f"{HEADER}\n{ROW.replace('casme2', '')}\n", 2, "Received: '', which is empty"),
        (f"{HEADER}\n{ROW}\n{ROW.replace('0.5', 'nan')}\n", 3, "probability from 0 to 1. Received: 'nan'"),
        (f"{HEADER}\n{ROW.replace('0.5', 'inf')}\n", 2, "probability"),
        (f"{HEADER}\n{ROW.replace('0.5', '2.5')}\n", 2, "probability"),
        (f"{HEADER}\n{ROW.replace('0.5', 'half')}\n", 2, "probability"),
        (f"{HEADER}\n{ROW.replace('sub01', '')}\n", 2, "a path and a subject"),
    ],
)
def test_malformed_files_are_refused_with_file_and_line(tmp_path, text, where, message):
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(DualATMEError, match=message) as caught:
        read_predictions(path)
    assert str(caught.value).startswith(f"{path}:{where}: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "missing.csv"
    with pytest.raises(DualATMEError, match=r"missing\.csv"):
        read_predictions(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DualATMEError, match=r"missing\.csv"):
        read_predictions(path)
