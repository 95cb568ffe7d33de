"""What reads files of strangers: for each a valid file, and the call that reads one like it.

`make test` gives them a few changed files each (`damage_test.py`), `make fuzz` a hundred thousand
(`benchmarks/fuzz.py`). A file is read, or refused by a `DualATMEError`: nothing else may happen.
"""

import csv
import dataclasses
import functools
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from torch_files import write_state_dict

from dualatme_keras.data import (
    Clip,
    audit,
    clips_from_ground_truth,
    make_folds,
    read_ground_truth,
    read_lists,
    write_lists,
)
from dualatme_keras.data.image_audit import odd_images
from dualatme_keras.data.image_copies import copied_images
from dualatme_keras.databases import read_casme2, read_folder, read_samm, read_smic
from dualatme_keras.evaluation import score_seeds
from dualatme_keras.evaluation.flow_pictures import flow_picture
from dualatme_keras.evaluation.run import score_run
from dualatme_keras.preprocessing import PrepareSettings, read_landmarks, read_settings
from dualatme_keras.video import open_frames, read_image

LONGEST = 5.0
"""Seconds that a file may take."""

MOST_MEMORY = 2**30
"""Bytes that a file may take beyond what its valid example takes."""

TARGETS: dict[str, "Target"] = {}


@dataclasses.dataclass(frozen=True)
class Target:
    """Something that reads files.

    Attributes:
        begin: called with an empty folder; returns the contents of valid files, and what reads one like
            them, given its content.
        examples: how many changed files `make test` tries.
        cases: how many `make fuzz` tries.
        tensorflow: whether it needs TensorFlow, which takes its time to load.
    """

    begin: Callable[[Path], tuple[list[bytes], Callable[[bytes], object]]]
    examples: int
    cases: int
    tensorflow: bool = False


def target(examples, cases, tensorflow=False, **variants):
    """Registers a function as the `begin` of the target of its name, or one for each of `variants`."""

    def register(begin):
        name = begin.__name__
        for variant, argument in variants.items():
            TARGETS[f"{name}_{variant}"] = Target(
                functools.partial(begin, argument), examples, cases, tensorflow
            )
        if not variants:
            TARGETS[name] = Target(begin, examples, cases, tensorflow)
        return begin

    return register


def reader_of(path, read):
    """Puts a content into the file `path`, then calls `read` without arguments."""

    def read_content(content):
        path.write_bytes(content)
        return read()

    return read_content


# Lists and tables.

CLIPS = [
    Clip("/data/casme2/flow/sub01_EP02_01f_flow.png", "sub01", "casme2", 1),
    Clip("/data/casme2/flow/sub02_EP01_flow.png", "sub02", "casme2", 0),
    Clip("/data/smic/flow/s01_ne_01_flow.png", "s01", "smic", 0),
    Clip("/data/samm/flow/006_1_2_flow.png", "006", "samm", 2),
]


@target(examples=60, cases=8000, subjects="subName.txt", train="sub01_train.txt", test="006_test.txt")
def lists(name, folder):
    write_lists(CLIPS, folder / "lists")
    file = folder / "lists" / name

    def read():
        found = read_lists(folder / "lists")
        audit(found)
        make_folds(found)
        write_lists(found.clips, folder / "again", overwrite=True)

    return [file.read_bytes()], reader_of(file, read)


@target(examples=60, cases=10000)
def ground_truth(folder):
    rows = "casme2,sub01,EP02_01f,1\nsamm,6,006_1_2,2\nsmic,s01,s01_ne_01,0\n"
    file = folder / "truth.csv"
    return [rows.encode()], reader_of(file, lambda: clips_from_ground_truth(read_ground_truth(file)))


TABLES = {
    "casme2": [
        [
            "Subject",
            "Filename",
            "OnsetFrame",
            "ApexFrame",
            "OffsetFrame",
            "Action Units",
            "Estimated Emotion",
        ],
        ["01", "EP02_01f", 46, 59, 86, "12", "happiness"],
        ["02", "EP01", 1, "/", 20, "4+L10", "disgust"],
    ],
    "samm": [
        ["A note above the table"],
        [
            "Subject",
            "Filename",
            "Onset Frame",
            "Apex Frame",
            "Offset Frame",
            "Action Units",
            "Estimated Emotion",
        ],
        ["006", "006_1_2", 10, 20, 30, "12", "Happiness"],
        [7, "007_3_1", 10, 20, 30, "4", "Anger"],
    ],
    "smic": [
        ["Subject", "Filename", "OnsetF", "OffsetF", "Emotion"],
        [1, "s01_ne_01", 1, 30, "negative"],
        [2, "s02_sur_03", 5, 30, "surprise"],
    ],
    "folder": [
        ["path", "subject", "label", "onset", "apex", "offset", "database"],
        ["a/one.mp4", "Anna", "surprise", "", "", "", "mine"],
        ["b\\two", "Ben", "0", "1", "5", "9", ""],
    ],
}
READERS = {
    "casme2": read_casme2,
    "samm": read_samm,
    "smic": lambda file: read_smic(file),
    "folder": lambda file: read_folder(file.parent, file),
}


def _csv_of(rows, delimiter=","):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@target(examples=60, cases=5000, **{name: name for name in TABLES})
def table(name, folder):
    file = folder / "table.csv"
    examples = [_csv_of(TABLES[name]), _csv_of(TABLES[name], ";")]
    return examples, reader_of(file, lambda: READERS[name](file))


@target(examples=15, cases=500, **{name: name for name in TABLES})
def workbook(name, folder):
    import openpyxl

    book = openpyxl.Workbook()
    page = book.active
    page.title = "HS"
    for row in TABLES[name]:
        page.append(row)
    page.append(["", "", 1.5])
    page["K1"] = "=1+1"
    if name in ("casme2", "samm"):
        page.merge_cells(start_row=page.max_row - 2, end_row=page.max_row - 1, start_column=1, end_column=1)
    page["B9"].font = openpyxl.styles.Font(bold=True)
    file = folder / "table.xlsx"
    book.save(file)
    return [file.read_bytes()], reader_of(file, lambda: READERS[name](file))


LANDMARKS = (30.0, 31.0, 70.0, 31.0, 50.0, 55.0, 34.0, 76.0, 66.0, 76.0)


@target(examples=60, cases=8000)
def landmarks(folder):
    from dualatme_keras.preprocessing import LANDMARK_COLUMNS

    file = folder / "landmarks.csv"
    rows = [["name", *LANDMARK_COLUMNS], ["sub01_EP01", *LANDMARKS], ["sub01_EP02", *LANDMARKS]]
    return [_csv_of(rows)], reader_of(file, lambda: read_landmarks(file))


@target(examples=60, cases=8000)
def settings(folder):
    file = folder / "prepare.json"
    content = json.dumps(dataclasses.asdict(PrepareSettings()) | {"versions": {"numpy": "1"}}).encode()
    return [content], reader_of(file, lambda: read_settings(file))


@target(examples=40, cases=3000)
def candidates(folder):
    from dualatme_keras.training import TrainConfig
    from dualatme_keras.training.selection import read_candidates

    file = folder / "select.json"
    examples = [
        {"net": {"preset": "paper", "epochs": 3}, "line": {"model": "linear", "logistic_c": 0.1}},
        {"epochs": [20, 60], "learning_rate": [0.1, 0.01], "mirror": [True, False]},
    ]
    config = TrainConfig(workdir="run", lists="lists")
    contents = [json.dumps(each).encode() for each in examples]
    return contents, reader_of(file, lambda: read_candidates(file, config))


# Images and videos.

_NOISE = np.random.default_rng(0).integers(0, 256, (36, 40, 3), dtype="uint8")
IMAGES = {
    "grey.png": lambda: (Image.fromarray(_NOISE[..., 0]), {}),
    "deep.png": lambda: (Image.fromarray(_NOISE[..., 0].astype("uint16") << 8), {}),
    "colours.png": lambda: (Image.fromarray(_NOISE), {"optimize": True}),
    "palette.png": lambda: (Image.fromarray(_NOISE).convert("P"), {"transparency": 3}),
    "colours.jpg": lambda: (Image.fromarray(_NOISE), {"exif": _turned()}),
    "progressive.jpg": lambda: (Image.fromarray(_NOISE), {"progressive": True}),
    "colours.bmp": lambda: (Image.fromarray(_NOISE), {}),
    "colours.tif": lambda: (Image.fromarray(_NOISE), {"compression": "tiff_lzw"}),
    "raw.tif": lambda: (Image.fromarray(_NOISE[..., 0].astype("uint16")), {}),
    "jpeg.tif": lambda: (Image.fromarray(_NOISE), {"compression": "jpeg"}),
}


def _turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def image_files():
    contents = []
    for name, new in IMAGES.items():
        image, options = new()
        content = io.BytesIO()
        image.save(content, {"jpg": "JPEG", "tif": "TIFF"}.get(name[-3:], name[-3:].upper()), **options)
        contents.append(content.getvalue())
    return contents


@target(examples=100, cases=15000)
def image(folder):
    file = folder / "image.png"
    return image_files(), reader_of(file, lambda: read_image(file))


@target(examples=30, cases=2000)
def flow_image_shown(folder):
    """What people and audits look at."""
    file = folder / "image.png"

    def read():
        list(odd_images([("image.png", str(file), "list:1")]))
        list(copied_images([("image.png", str(file), "list:1", "s01")]))
        flow_picture(file)

    return image_files(), reader_of(file, read)


@target(examples=30, cases=2000, tensorflow=True)
def flow_image(folder):
    """What a network is trained on."""
    from dualatme_keras.data import ImageTable

    file = folder / "casme2" / "flow" / "a_flow.png"
    file.parent.mkdir(parents=True)
    clips = [Clip(str(file), "sub01", "casme2", 0)]
    contents = [content for content in image_files() if content[:2] in (b"\x89P", b"\xff\xd8")]
    return contents, reader_of(file, lambda: ImageTable(clips, 28, ("entire",)))


def video_files(folder):
    import cv2

    contents = []
    for suffix, code in (
        ("avi", "MJPG"),
        ("avi", "XVID"),
        ("mp4", "mp4v"),
        ("mkv", "FFV1"),
        ("webm", "VP80"),
    ):
        path = folder / f"video.{suffix}"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), 30, (40, 36))
        for number in range(4):
            writer.write(np.roll(_NOISE, number, axis=0))
        writer.release()
        if path.exists() and path.stat().st_size > 500:
            contents.append(path.read_bytes())
        path.unlink(missing_ok=True)
    return contents


@target(examples=40, cases=6000)
def video(folder):
    file = folder / "clip.mp4"

    def read():
        with open_frames(file) as frames:
            for number in frames.numbers:
                frames.read(number)

    return video_files(folder), reader_of(file, read)


# Networks.


@target(examples=40, cases=6000)
def torch_weights(folder):
    from dualatme_keras.models.torch_file import read_torch_tensors

    file = folder / "model.pth"
    write_state_dict(file, {"fc.0.weight": np.ones((8, 4), "float32"), "fc.0.bias": np.arange(4)})
    return [file.read_bytes()], reader_of(file, lambda: read_torch_tensors(file))


def keras_file(folder):
    from dualatme_keras.models import DualATME

    model = DualATME.from_preset(
        "tiny", backbone="convolution", preparation=dataclasses.asdict(PrepareSettings())
    )
    model.save(folder / "new.keras")
    return (folder / "new.keras").read_bytes()


@target(examples=8, cases=300, tensorflow=True)
def keras_weights(folder):
    import keras

    from dualatme_keras.models import load_model
    from dualatme_keras.runs import read_run

    file = folder / "model.keras"
    content = keras_file(folder)

    def read():
        try:
            read_run(file)
            load_model(file)
        finally:
            keras.backend.clear_session()

    return [content], reader_of(file, read)


# Folders of runs.

_HEADER = "path,subject,database,label,prediction,p_negative,p_positive,p_surprise\n"
_PREDICTED = (
    "/data/casme2/flow/sub01_EP01_flow.png,sub01,casme2,0,0,0.7,0.2,0.1\n",
    "/data/casme2/flow/sub01_EP02_flow.png,sub01,casme2,1,2,0.1,0.3,0.6\n",
    "/data/smic/flow/s01_ne_01_flow.png,s01,smic,2,2,0.1,0.1,0.8\n",
)


def write_run(run):
    """A finished run's folder without its networks."""
    stored = dataclasses.asdict(PrepareSettings())
    config = {"format": 1, "seed": 1, "preset": "tiny", "data_root": None, "preparation": stored}
    (run / "folds").mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(config))
    (run / "environment.json").write_text(json.dumps({"calls": [{"versions": {"keras": "3"}}]}))
    (run / "metrics.json").write_text(json.dumps({"full": {"uf1": 0.5, "uar": 0.5}}))
    (run / "predictions.csv").write_text(_HEADER + "".join(_PREDICTED))
    folds = {"sub01": _PREDICTED[:2], "s01": _PREDICTED[2:]}
    rows = [f"{name},{','.join(line.split(',')[:4])}\n" for name, lines in folds.items() for line in lines]
    (run / "folds.csv").write_text("fold,path,subject,database,label\n" + "".join(rows))
    for name, lines in folds.items():
        fold = run / "folds" / name
        fold.mkdir()
        (fold / "model.keras").write_bytes(b"")
        (fold / "predictions.csv").write_text(_HEADER + "".join(lines))
        (fold / "history.csv").write_text("epoch,loss,uf1\n1,0.9,0.3\n2,0.8,0.4\n")
        np.savez(
            fold / "branches.npz",
            similarity=np.zeros(len(lines), "float32"),
            attention=np.zeros((len(lines), 3, 3), "float32"),
        )
        answers = [
            f"{epoch},{','.join(line.split(',')[i] for i in (0, 5, 6, 7))}"
            for epoch in (1, 2)
            for line in lines
        ]
        (fold / "test_epochs.csv").write_text(
            "epoch,path,p_negative,p_positive,p_surprise\n" + "".join(answers)
        )
        chosen = [{"name": "a", "settings": {"epochs": 3}, "uf1": 0.5, "uar": 0.4, "chosen": True}]
        (fold / "selection.json").write_text(json.dumps(chosen))


def read_everything_of_a_run(folder):
    """What all commands read of a run, without drawing it."""
    from dualatme_keras.evaluation.protocol_audit import score_protocol_audit
    from dualatme_keras.runs import (
        RunDirectory,
        read_branches,
        read_config,
        read_histories,
        read_run,
        read_selections,
    )

    run = RunDirectory(folder)
    predictions, _metrics = score_run(folder)
    read_run(folder)
    read_config(run)
    read_histories(run)
    read_branches(run, predictions)
    read_selections(run)
    score_protocol_audit(run, predictions)


_RUN_FILES = {
    "config": "config.json",
    "metrics": "metrics.json",
    "predictions": "predictions.csv",
    "folds": "folds.csv",
    "fold_predictions": "folds/sub01/predictions.csv",
    "history": "folds/sub01/history.csv",
    "branches": "folds/sub01/branches.npz",
    "epochs": "folds/sub01/test_epochs.csv",
    "selection": "folds/sub01/selection.json",
}


@target(examples=20, cases=600, **_RUN_FILES)
def run(name, folder):
    write_run(folder / "run")
    file = folder / "run" / name
    return [file.read_bytes()], reader_of(file, lambda: read_everything_of_a_run(folder / "run"))


@target(examples=15, cases=500)
def seeds(folder):
    for seed in (1, 2):
        write_run(folder / "runs" / f"seed_{seed}")
    file = folder / "runs" / "seed_1" / "predictions.csv"
    return [file.read_bytes()], reader_of(file, lambda: score_seeds(folder / "runs"))


@target(examples=25, cases=2000)
def prepared(folder):
    """The record of a clip in a folder of prepared images."""
    from dualatme_keras.data import ClipRecord
    from dualatme_keras.preprocessing import LANDMARK_COLUMNS

    record = ClipRecord("casme2", "sub01", "EP01", 0, "happiness", 1, 2, 3)
    row = {"name": "sub01_EP01", "database": "casme2", "path": "casme2/flow/sub01_EP01_flow.png"}
    row |= {"subject": "sub01", "clip": "EP01", "label": 0, "emotion": "happiness", "action_units": "12"}
    row |= {"onset": 1, "apex": 2, "apex_found": "annotated", "offset": 3, "flow_max": 1.5, "doubts": ""}
    origin = {"dataset": "casme2", "frames": "/x", "file": None, "onset": 1, "apex": 2, "offset": 3}
    origin |= {"landmarks": "mtcnn", "face": "largest"}
    row |= {"origin": origin, "source": "table.csv:2", "warnings": ""}
    row |= dict(zip(LANDMARK_COLUMNS, LANDMARKS, strict=True))
    output = folder / "out"
    file = output / "casme2" / "clips" / "sub01_EP01.json"
    file.parent.mkdir(parents=True)
    return [json.dumps(row).encode()], reader_of(
        file, functools.partial(_use_prepared, output, record, origin)
    )


def _use_prepared(output, record, origin):
    from dualatme_keras.preparation.output import PreparedFolder
    from dualatme_keras.preparation.preview import write_preview

    prepared = PreparedFolder(output, PrepareSettings())
    prepared.finished(record, origin)
    prepared.relabel(record, origin)
    rows = prepared.manifest_rows()
    prepared.write_manifest(rows)
    write_preview(prepared, rows)
    prepared.leave_out([row for row in rows if row["name"] != "sub01_EP01"])


# Exports and requests.


SERVED = None
"""An export that is there, for `request`, which makes one of its own otherwise."""


def _export(folder):
    sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))
    from tiny_export import export_tiny

    return export_tiny(folder / "models")


@functools.cache
def _load(version):
    from dualatme_keras.serving import LocalExport

    return LocalExport(version)


_EXPORT_FILES = {
    "graph": "saved_model.pb",
    "weights": "variables/variables.data-00000-of-00001",
    "index": "variables/variables.index",
    "labels": "assets/labels.txt",
    "settings": "assets/prepare.json",
}


# A whole one is loaded for longer than `make test` has time.
@target(examples=0, cases=40, tensorflow=True, **_EXPORT_FILES)
def export(name, folder):
    from dualatme_keras.serving import LocalExport

    version = _export(folder)
    file = version / name
    image = np.zeros((1, 28, 28, 3), "float32")

    def read():
        LocalExport(version).predict({"entire": image, "puzzled": image})

    return [file.read_bytes()], reader_of(file, read)


@target(examples=25, cases=1500, tensorflow=True, images="serve_images", frames="serve_frames")
def request(signature, folder):
    asked = _load(SERVED or _export(folder))
    first, second = ("entire", "puzzled") if signature == "serve_images" else ("onset", "apex")
    others = {} if signature == "serve_images" else {"landmarks": np.full((2, 5, 2), -1, "float32")}
    contents = image_files()
    good = contents[2]

    def read(content):
        # Onset and apex of a clip are of one size.
        files = {f"{first}_bytes": [good, content], f"{second}_bytes": [good, content if others else good]}
        asked.predict(files | others, signature)

    return [content for content in contents if content[:2] in (b"\x89P", b"\xff\xd8")], read
