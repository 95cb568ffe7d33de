"""The page without a browser: it builds, it answers, it words errors, it deletes."""

import base64
import csv
import dataclasses
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import script_calls
from written_videos import write_video

from dualatme_keras.app import new_page, serve_page
from dualatme_keras.app import page as page_module
from dualatme_keras.app import uploads as uploads_module
from dualatme_keras.app.answer import answer_piece, video_piece
from dualatme_keras.app.clip_tab import ONE, SEVERAL, ClipAnswers
from dualatme_keras.app.run_tab import clip_of_run, run_piece
from dualatme_keras.app.uploads import Upload
from dualatme_keras.commands import app as app_command
from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import DualATME
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.runs import RunDirectory, read_predictions, write_predictions
from dualatme_keras.video import image_file


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "private"
    path.mkdir()
    return path


def stored(folder, name, content):
    """A file as the server keeps an upload."""
    path = folder / "server" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return str(path)


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def piece(recognizer, faces):
    answer = recognizer.recognize(faces, "<mine>", frames_per_second=30.0)
    return answer, answer_piece(answer)


def test_the_page_has_both_tabs_and_no_public_calls(recognizer, folder, runs, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    page = new_page(recognizer, folder, runs)
    config = page.get_config_file()
    tabs = [each["props"]["label"] for each in config["components"] if each["type"] == "tabitem"]
    assert tabs == ["A clip", "Files", "Webcam", "Made-up examples", "A run"]
    assert config["dependencies"]
    assert {each["api_visibility"] for each in config["dependencies"]} == {"private"}
    assert page.analytics_enabled is False


def test_a_clip_is_answered_and_deleted(recognizer, folder, faces):
    clip = write_video(folder / "mine.mp4", faces)
    steps = list(ClipAnswers(recognizer, folder).of_files([str(clip)], ONE, ""))
    status, answer, files = steps[-1]
    assert "Answered in" in status
    assert "<h2>mine</h2>" in answer
    assert files is None
    assert any("Looking for face" in status or "Drawing" in status for status, *_ in steps)
    assert files_in(folder) == []


def test_two_frames_and_folders(recognizer, folder, faces):
    images = {"b_onset.png": faces[0], "a_apex.png": faces[-1]}
    pair = [stored(folder, name, image_file(image)) for name, image in images.items()]
    *_, (_status, answer, _files) = ClipAnswers(recognizer, folder).of_files(pair, ONE, "")
    assert "<h2>b_onset to a_apex</h2>" in answer
    pair = [stored(folder, f"img{n}.png", image_file(face)) for n, face in ((10, faces[-1]), (9, faces[0]))]
    *_, (_status, answer, _files) = ClipAnswers(recognizer, folder).of_files(pair, ONE, "")
    assert "<h2>img9 to img10</h2>" in answer
    frames = [stored(folder, f"img{n}.png", image_file(face)) for n, face in enumerate(faces)]
    frames.append(stored(folder, ".DS_Store", b"of a file manager"))
    *_, (_status, answer, _files) = ClipAnswers(recognizer, folder).of_files(frames, ONE, "20")
    assert "<h2>img0 to img" in answer
    assert "(0.00 s)" in answer
    assert files_in(folder) == []


@pytest.mark.parametrize(
    ("name", "content", "kind", "rate", "words"),
    [
        ("broken.mp4", b"no video", ONE, "", "Expected a video. Received: broken.mp4"),
        ("note.txt", b"text", ONE, "", "Expected one video (.avi"),
        ("one.png", b"no image", ONE, "", "images: two, or the frames of a clip. Received: one.png"),
        (
            "broken.mp4",
            b"no video",
            ONE,
            "many",
            "Expected a number of frames per second. Received: &#x27;many&#x27;",
        ),
    ],
)
def test_bad_files_get_words(recognizer, folder, name, content, kind, rate, words):
    *_, (status, answer, files) = ClipAnswers(recognizer, folder).of_files(
        [stored(folder, name, content)], kind, rate
    )
    assert 'class="error"' in status
    assert words in status
    assert str(folder) not in status
    assert (answer, files) == ("", None)
    assert files_in(folder) == []


def test_nobody_waits_for_a_visitor_who_left(recognizer, folder, faces, monkeypatch):
    """The page's server closes what it got, where it serves all others too."""
    release = threading.Event()
    monkeypatch.setattr(type(recognizer), "recognize", lambda *_arguments, **_options: release.wait(30))
    clip = write_video(folder / "mine.mp4", faces)
    steps = ClipAnswers(recognizer, folder).of_files([str(clip)], ONE, "")
    for _ in range(3):
        next(steps)
    begun = time.monotonic()
    steps.close()
    assert time.monotonic() - begun < 1
    release.set()


def test_arguments_are_named_as_on_the_page(recognizer, folder, faces):
    frames = [stored(folder, f"img{n}.png", image_file(face)) for n, face in enumerate(faces)]
    *_, (status, _answer, _files) = ClipAnswers(recognizer, folder).of_files(frames, SEVERAL, "")
    assert "Give “Frames per second”" in status
    assert "`" not in status


def test_uploads_are_limited(folder, faces, monkeypatch):
    monkeypatch.setattr(uploads_module, "MOST_FRAMES", 4)
    with (
        Upload([write_video(folder / "long.mp4", faces)], folder) as upload,
        pytest.raises(DualATMEError, match="at most 4 frames"),
    ):
        upload.clip()
    frames = [stored(folder, f"{n}.png", b"") for n in range(5)]
    with (
        Upload(frames, folder) as upload,
        pytest.raises(DualATMEError, match="at most 4 frames. Received: 5"),
    ):
        upload.clip()
    monkeypatch.setattr(uploads_module, "MOST_BYTES", 2**20)
    with pytest.raises(DualATMEError, match="at most 1 MB"):
        Upload([stored(folder, "large.mp4", bytes(2**20 + 1))], folder)
    assert files_in(folder) == []


def test_uploads_lie_apart(folder):
    first = Upload([stored(folder, "same.mp4", b"one")], folder)
    second = Upload([stored(folder, "same.mp4", b"two")], folder)
    contents = sorted(path.read_bytes() for path in files_in(folder))
    assert contents == [b"one", b"two"]
    assert len({path.parent for path in files_in(folder)}) == 2
    first.close()
    assert [path.read_bytes() for path in files_in(folder)] == [b"two"]
    second.close()
    with pytest.raises(DualATMEError, match="deleted already"):
        Upload([folder / "gone.mp4"], folder)


def downloads(piece):
    """Names and contents of what can be saved."""
    links = re.findall(r'<a download="([^"]*)" href="data:[a-z/]*;base64,([^"]*)"', piece)
    return {name: base64.b64decode(content) for name, content in links}


def test_downloads_are_the_answer(piece):
    answer, html = piece
    files = downloads(html)
    assert list(files) == ["&lt;mine&gt;.csv", "&lt;mine&gt;.json", "&lt;mine&gt;.png"]
    table, facts, picture = files.values()
    (row,) = csv.DictReader(io.StringIO(table.decode()))
    assert row == {name: str(value) for name, value in answer.row().items()}
    (facts,) = json.loads(facts)
    assert facts["label"] == answer.label
    assert facts["probabilities"] == answer.probabilities
    np.testing.assert_allclose(facts["boxes"], answer.boxes)
    assert facts["action_units"]["12"] == list(answer.action_units[12])
    assert picture.startswith(b"\x89PNG")


def test_the_spread_of_several_networks(piece):
    answer, html = piece
    assert "One network answers" in html
    least, most = answer.members[0], np.roll(answer.members[0], 1)
    html = answer_piece(dataclasses.replace(answer, members=np.stack([least, most])))
    assert "mean of 2 networks" in html
    assert "50% agree" in html
    low, high = sorted((least[0], most[0]))
    assert f'<i style="left: {100 * low:.1f}%; width: {100 * (high - low):.1f}%"></i>' in html


def test_names_are_escaped_and_pictures_described(piece):
    _answer, html = piece
    assert "<mine>" not in html
    images = re.findall(r"<img [^>]*>", html)
    assert len(images) >= 12
    assert all(re.search(r'alt="[^"]{5,}"', image) for image in images)


def test_a_longer_video_without_expressions(recognizer, faces):
    still = np.repeat(faces[:1], 90, axis=0)
    noise = np.random.default_rng(0).integers(0, 2, still.shape).astype("uint8")
    html = video_piece(recognizer.spot(np.minimum(still, 250) + noise, "still", 30.0))
    assert "0 expressions found in 3 seconds" in html


def test_a_run_shows_scores_and_its_mistakes(runs):
    html = run_piece(str(runs[0]))
    for title in ("Scores", "Mistakes", "Confusion", "Training", "How sure it is", "Subjects"):
        assert f"<h2>{title}</h2>" in html
    assert html.count("<details>") == html.count("relative to most of it</figcaption>") > 2
    with pytest.raises(DualATMEError, match="which is no run"):
        run_piece(str(runs[0].parent))


def apex_of(run, path):
    with (run.parent / "data" / "manifest.csv").open(newline="") as file:
        return next(row["apex"] for row in csv.DictReader(file) if path.endswith(row["path"]))


def test_a_mistake_opens_to_its_clip(prepared_run):
    """Where `dualatme-prepare` made the images and the frames are there, and only to who asks for those."""
    run, raw = prepared_run
    html = run_piece(str(run))
    asked = re.findall('data-run="([^"]*)" data-path="([^"]*)"', html)
    assert len(asked) == html.count("<details>") > 1
    answers = RunDirectory(run).predictions
    told = read_predictions(answers)
    write_predictions(answers, told.of_paths(told.paths[::-1]))  # as a run that went on meanwhile
    which = list(asked[0])
    clip = clip_of_run([str(run)], which)
    assert "left of the line apex, right onset" in clip
    assert "Flow of the puzzle as arrows" in clip
    assert set(re.findall("apex, frame ([0-9]+)", clip)) == {apex_of(run, which[1])}
    for other in ([str(run.parent), which[1]], [str(run), "x.png"], [which[0]], [[], {}], None, 3):
        assert 'role="alert"' in clip_of_run([str(run)], other)
    raw.rename(raw.with_name("moved"))
    told = clip_of_run([str(run)], which)
    raw.with_name("moved").rename(raw)
    assert "Expected the frames of" in told


def test_a_fault_of_the_program_is_told_and_logged(recognizer, folder, faces, monkeypatch, caplog):
    def recognize(*_arguments, **_more):
        raise MemoryError("as much as that")

    monkeypatch.setattr(recognizer, "recognize", recognize)
    pair = [stored(folder, f"{n}.png", image_file(faces[n])) for n in (0, 1)]
    *_, (status, answer, _files) = ClipAnswers(recognizer, folder).of_files(pair, ONE, "")
    assert "No answer. The program has a fault, or too little memory" in status
    assert not answer
    assert "as much as that" in caplog.text
    assert not files_in(folder)


@pytest.mark.parametrize("seeds", [False, True])
def test_runs_that_answer_can_be_opened(seeds, runs, tmp_path, monkeypatch):
    """Once, however they are named; of a folder of seeds each."""
    monkeypatch.chdir(tmp_path)
    asked = Path("runs", "mine")
    for seed in (1, 2) if seeds else (0,):
        run = asked / f"seed_{seed}" if seeds else asked
        run.mkdir(parents=True)
        (run / "predictions.csv").touch()
    found = app_command.finished_runs([str(asked.absolute())], "runs")
    names = ["seed_1", "seed_2"] if seeds else ["mine"]
    assert [run.name for run in found] == names
    assert [run.name for run in app_command.finished_runs([str(asked)], "elsewhere")] == names


@pytest.mark.long
def test_forgotten_uploads_are_deleted(monkeypatch):
    monkeypatch.setattr(page_module, "OLDEST_SECONDS", 4)
    with serve_page(None) as address:
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        stored = httpx.post(f"{address}gradio_api/upload", files={"files": ("mine.mp4", b"forgotten")}).json()
        assert Path(stored[0]).read_bytes() == b"forgotten"
        assert "default-src 'self'" in httpx.get(address).headers["content-security-policy"]
        assert httpx.post(f"{address}gradio_api/process_recording").status_code == 404
        assert folder in Path(stored[0]).parents
        deadline = time.monotonic() + 60
        while Path(stored[0]).exists() and time.monotonic() < deadline:
            time.sleep(0.5)
        assert not Path(stored[0]).exists()


def test_clips_are_not_taken_for_aligned_faces_unasked(tmp_path):
    """As the network's images were: a visitor's clips are answered wrongly then, or it is said."""
    settings = PrepareSettings(landmarks="template")
    DualATME.from_preset("tiny", preparation=settings).save(tmp_path / "model.keras")
    with pytest.raises(SystemExit, match="aligned already. Name a detector, --landmarks=mtcnn"):
        script_calls.call(app_command.__file__, f"--run={tmp_path / 'model.keras'}", "--nobrowser")


def test_the_command_serves_and_deletes(tmp_path):
    """In a process of its own, which SIGTERM ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dualatme_keras.commands.app", "--nobrowser", f"--port={port}"]
    # Nobody listens there: the page's own server is asked without a proxy.
    environment = os.environ | {"TMPDIR": str(tmp_path), "http_proxy": "http://127.0.0.1:9"}
    environment.pop("GRADIO_TEMP_DIR", None)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline().startswith(f"http://127.0.0.1:{port}/")
        assert list(tmp_path.glob("dualatme_app_*"))
        with pytest.raises(DualATMEError, match="free `port`"), serve_page(None, port=port):
            pass
        with pytest.raises(DualATMEError, match="IPv4 address"), serve_page(None, host="192.0.2.1"):
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not list(tmp_path.glob("dualatme_app_*"))
