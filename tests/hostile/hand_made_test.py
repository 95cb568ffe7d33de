"""Files that somebody made up to do harm: none takes memory or time, starts a program or leads elsewhere."""

import io
import json
import resource
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from targets import TABLES, keras_file, video_files, write_run
from watch import only_below

from dualatme_keras import files
from dualatme_keras.data import Clip, ImageTable, read_ground_truth, read_list, read_lists, write_lists
from dualatme_keras.data.image_copies import copied_images
from dualatme_keras.databases import read_casme2, read_smic
from dualatme_keras.errors import DualATMEError
from dualatme_keras.evaluation.flow_pictures import flow_picture
from dualatme_keras.preprocessing import read_settings
from dualatme_keras.runs import RunDirectory, read_branches, read_predictions, read_run
from dualatme_keras.video import check_frame_count, open_frames, read_image
from dualatme_keras.workbooks import read_tables


def refused(read, match):
    """Within two seconds of the processor, and without the memory that the file asks for."""
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DualATMEError, match=match):
        read()
    assert time.process_time() - begun < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB


def png_that_claims(height, width):
    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(5793, 5793), (12000, 12000), (2**31 - 1, 2**31 - 1)])
def test_images_are_refused_before_they_are_decoded(size, tmp_path):
    file = tmp_path / "casme2" / "flow" / "a_flow.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(png_that_claims(*size))
    match = "at most 34 million|decompression bomb|too big|a_flow.png"
    refused(lambda: ImageTable([Clip(str(file), "sub01", "casme2", 0)], 28, ("entire",)), match)
    refused(lambda: flow_picture(file), match)
    refused(lambda: read_image(file), match)
    assert not list(copied_images([("a", str(file), "list:1", "sub01")]))


def test_an_image_of_another_format_starts_no_program(tmp_path):
    """Pillow gives PostScript to Ghostscript."""
    content = io.BytesIO()
    Image.new("RGB", (40, 40)).save(content, "EPS")
    (tmp_path / "image.png").write_bytes(content.getvalue())
    with only_below(tmp_path):
        refused(lambda: read_image(tmp_path / "image.png"), "Expected an image. Received: .*image.png")
        refused(lambda: flow_picture(tmp_path / "image.png"), "Expected an image. Received: .*image.png")


def test_videos_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    import cv2

    file = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 30, (6000, 6000))
    writer.write(np.zeros((6000, 6000, 3), "uint8"))
    writer.release()
    monkeypatch.setattr("dualatme_keras.video.frames._VideoFile._count", lambda self: pytest.fail("decoded"))
    refused(lambda: open_frames(file), "at most 34 million. Received: .*clip.avi of 6000 x 6000")


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile real.mp4\n", "#EXTM3U\n#EXTINF:1,\nreal.mp4\n#EXT-X-ENDLIST\n"]
)
def test_a_list_of_videos_is_no_video(text, tmp_path):
    (tmp_path / "real.mp4").write_bytes(video_files(tmp_path)[2])
    assert len(open_frames(tmp_path / "real.mp4"))
    (tmp_path / "clip.mp4").write_text(text)
    for look in (open_frames, lambda clip: check_frame_count(clip, 100)):
        refused(
            lambda look=look: look(tmp_path / "clip.mp4"),
            "Expected a video. .*clip.mp4, which does not begin",
        )


def test_texts_are_refused_by_their_size(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    (tmp_path / "long").write_text("a" * 101)
    for read in (read_list, read_ground_truth, read_predictions, files.read_json, files.read_csv_text):
        refused(lambda read=read: read(tmp_path / "long"), "Expected a file of text of at most")


def test_a_path_of_a_million_folders(tmp_path):
    (tmp_path / "list.txt").write_text("a/" * 10**6 + "x.png 0 0\n")
    refused(lambda: read_list(tmp_path / "list.txt"), "list.txt:1: Expected a path of at most 4096")


def test_json_in_json_in_json(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    refused(lambda: read_settings(tmp_path / "deep.json"), "deep.json:1: Expected JSON")


def test_json_of_broken_text(tmp_path):
    (tmp_path / "half.json").write_text('{"a": "\\ud800"}')
    refused(lambda: files.read_json(tmp_path / "half.json"), "half.json:1: Expected JSON.*surrogates")
    (tmp_path / "whole.json").write_text('{"a": "\\ud83d\\ude00"}')
    assert files.read_json(tmp_path / "whole.json") == {"a": "\U0001f600"}


@pytest.mark.parametrize("value", [32.5, True, "112", None, [112]])
def test_settings_are_of_their_types(value, tmp_path):
    values = {"landmarks": "mtcnn", "face_size": value, "margin": 0, "flow": "dis", "puzzle": "flow"}
    values |= {"encoding": "joint", "pixel_range": 2.0, "stabilize": False, "image_size": 28}
    (tmp_path / "prepare.json").write_text(json.dumps(values))
    refused(lambda: read_settings(tmp_path / "prepare.json"), "Expected `face_size` to be of type int")


def test_numbers_of_thousands_of_digits(tmp_path):
    number = "9" * 5000
    (tmp_path / "truth.csv").write_text(f"samm,{number},006_1_2,0\n")
    refused(lambda: read_ground_truth(tmp_path / "truth.csv"), "truth.csv:1: Expected a row")
    (tmp_path / "smic.csv").write_text(f"Subject,Filename,OnsetF,OffsetF,Emotion\n1,s01_ne_{number},1,3,x\n")
    refused(lambda: read_smic(tmp_path / "smic.csv"), "smic.csv:2: Expected a clip such as s01_ne_01")
    write_run(tmp_path / "run")
    folds = tmp_path / "run" / "folds.csv"
    folds.write_text(folds.read_text() + f"s01,b,s01,smic,{number}\n")
    refused(lambda: read_run(tmp_path / "run"), "folds.csv:5: Expected fold,path")


# Workbooks.


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    import openpyxl

    file = tmp_path_factory.mktemp("book") / "base.xlsx"
    book = openpyxl.Workbook()
    for row in TABLES["casme2"]:
        book.active.append(row)
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


SHEET = "xl/worksheets/sheet1.xml"
END = b"</sheetData>"
WORKBOOKS = {
    "unpacks to much": (
        "xl/workbook.xml",
        b"</workbook>",
        b"</workbook>" + b" " * 2**27,
        "of 134[0-9]* bytes",
    ),
    "many formats": ("xl/styles.xml", b"</cellXfs>", b"<xf/>" * 30_000 + b"</cellXfs>", "which has more"),
    "many cells": (SHEET, END, b"<row>" + b"<c/>" * 260_000 + b"</row>" + END, "which has more"),
    "wide rows": (SHEET, END, b"<row><c r='XFD9'/></row>" * 1000 + END, "with blank ones"),
    "a row far away": (SHEET, END, b"<row r='999999999999'><c><v>1</v></c></row>" + END, "with blank ones"),
    "entities": ("xl/workbook.xml", b"<workbook", b"<!DOCTYPE a [<!ENTITY b 'c'>]><workbook", "DOCTYPE"),
    "merged on top of each other": (
        SHEET,
        END,
        END + b"<mergeCells>" + b"<mergeCell ref='A1:XFD1048576'/>" * 1000 + b"</mergeCells>",
        "do not overlap",
    ),
}


def write_changed(path, members, part, before, after):
    assert before in members[part]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(before, after) if name == part else content)


@pytest.mark.parametrize("name", WORKBOOKS)
def test_workbooks_that_want_much(name, base, tmp_path):
    part, before, after, match = WORKBOOKS[name]
    write_changed(tmp_path / "book.xlsx", base, part, before, after)
    assert (tmp_path / "book.xlsx").stat().st_size < 2**18
    begun = time.process_time()
    with pytest.raises(DualATMEError, match=match):
        read_tables(tmp_path / "book.xlsx")
    assert time.process_time() - begun < 5


def test_all_cells_merged_are_read_at_once(base, tmp_path):
    """17 billion of them."""
    merged = END + b"<mergeCells><mergeCell ref='A1:XFD1048576'/></mergeCells>"
    write_changed(tmp_path / "book.xlsx", base, SHEET, END, merged)
    begun = time.process_time()
    (table,) = read_tables(tmp_path / "book.xlsx")
    assert table.merged == [(0, 1, 2**20)]
    assert len(read_casme2(tmp_path / "book.xlsx")) == 2
    assert time.process_time() - begun < 5


# Networks and runs.


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    content = keras_file(tmp_path_factory.mktemp("network"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_network(path, members, kind=zipfile.ZIP_STORED, **arguments):
    config = json.loads(members["config.json"])
    config["config"] |= arguments
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in (members | {"config.json": json.dumps(config)}).items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        {"hidden_units": 10**9},
        {"filters": [10**6, 10**6]},
        {"image_size": 4 * 10**6},
        {"attention_kernel_size": 10**6 + 1},
        {"num_classes": 10**9, "class_names": None},
        {"bottleneck": 10**8, "backbone": "inception"},
        {"feature_filters": 10**7},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_a_small_file_describes_no_huge_network(arguments, network, tmp_path):
    from dualatme_keras.models import load_model

    path = write_network(tmp_path / "huge.keras", network, **arguments)
    refused(lambda: load_model(path), "Expected the weights of the network")


def test_archives_of_networks_unpack_to_what_they_are(network, tmp_path):
    from dualatme_keras.models import load_model

    load_model(write_network(tmp_path / "model.keras", network))
    bomb = write_network(
        tmp_path / "bomb.keras", network | {"model.weights.h5": bytes(2**28)}, zipfile.ZIP_DEFLATED
    )
    for read in (load_model, read_run):
        refused(lambda read=read: read(bomb), "neither compressed nor encrypted")
    more = write_network(tmp_path / "more.keras", network | {"assets/../../../x": b"x"})
    refused(lambda: load_model(more), "Expected config.json, metadata.json, model.weights.h5")


def test_weights_that_are_not_there(network, tmp_path):
    """A chunked dataset of HDF5 declares what nobody has stored."""
    import h5py

    from dualatme_keras.models import load_model

    content = io.BytesIO(network["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        del file["layers/dense/vars/0"]
        file.create_dataset("layers/dense/vars/0", (2**15, 2**14), "float32", chunks=True, compression="gzip")
    path = write_network(tmp_path / "empty.keras", network | {"model.weights.h5": content.getvalue()})
    refused(lambda: load_model(path), "Expected weights as Keras stores them")


def test_arrays_of_a_run_unpack_to_what_they_are(tmp_path):
    write_run(tmp_path / "run")
    run = RunDirectory(tmp_path / "run")
    predictions = read_predictions(run.predictions)
    assert read_branches(run, predictions).similarity.shape == (3,)
    np.savez_compressed(run.fold("sub01") / "branches.npz", similarity=np.zeros(2**22, "float32"))
    refused(lambda: read_branches(run, predictions), "neither compressed nor encrypted")


# Names.

NAMES = ["../../x", "/etc/x", "..\\..\\x", "a/b", "C:x", "a\0b", "..", " .. ", ".", "a\u2028b"]


@pytest.mark.parametrize("name", NAMES)
def test_names_in_lists_write_and_remove_nothing_elsewhere(name, tmp_path):
    """`subName.txt` names files that are read, and that writing lists anew removes."""
    clips = [Clip(f"/d/{subject}_flow.png", subject, "mine", 0) for subject in ("anna", "ben")]
    lists = tmp_path / "a" / "b" / "lists"
    write_lists(clips, lists)
    (tmp_path / "a" / "x_train.txt").write_text("kept")
    (lists / "subName.txt").write_text(f"anna\n{name}\n", encoding="utf-8", newline="")
    with only_below(lists):
        with pytest.raises(DualATMEError, match="a name that a file can have"):
            read_lists(lists)
        write_lists(clips, lists, overwrite=True)
        with pytest.raises(DualATMEError, match="Expected a subject's name"):
            write_lists([*clips, Clip("/d/x_flow.png", name, "mine", 0)], lists, overwrite=True)
        with pytest.raises(DualATMEError, match="Expected a database's name"):
            write_lists([*clips, Clip("/d/x_flow.png", "eve", name, 0)], lists, overwrite=True)
    assert (tmp_path / "a" / "x_train.txt").read_text() == "kept"
