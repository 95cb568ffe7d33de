"""Many clips: the same table by several processes, and by a call that goes on after the end of another."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

import dualatme_keras
from dualatme_keras.errors import DualATMEError
from dualatme_keras.recognition import RemoteRecognizer
from dualatme_keras.recognition.clip_table import predict_clips


@pytest.fixture(scope="module")
def clips(frames, tmp_path_factory):
    """Four clips of which the first takes longest and one fails."""
    folder = tmp_path_factory.mktemp("clips")
    for number, length in enumerate((len(frames), 5, 0, 7)):
        (folder / str(number)).mkdir()
        for each in range(length):
            Image.fromarray(frames[each]).save(folder / str(number) / f"{each}.png")
    return [str(folder / str(number)) for number in range(4)]


@pytest.fixture(scope="module")
def expected(recognizer, clips, tmp_path_factory):
    return table(recognizer, clips, tmp_path_factory.mktemp("one") / "out.csv", workers=1)


def table(recognizer, clips, output, **options):
    predict_clips(recognizer, clips, output, stream=io.StringIO(), **options)
    return output.read_bytes()


@pytest.fixture
def asked(recognizer, monkeypatch):
    """Names of the clips that are asked about; after the third, something ends it."""
    asked, recognize = [], recognizer.recognize

    def watched(clip, **options):
        asked.append(Path(clip).name)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return recognize(clip, **options)

    monkeypatch.setattr(recognizer, "recognize", watched)
    return asked


def test_several_processes_write_the_same_table(recognizer, clips, expected, tmp_path):
    assert table(recognizer, clips, tmp_path / "out.csv", workers=2) == expected
    assert expected.count(b"\n") == 1 + len(clips)
    assert expected.count(b"Expected") == 1
    table(recognizer, clips[:2], tmp_path / "all.csv", workers=1)
    assert not (tmp_path / ".all.csv.unfinished").exists()


@pytest.mark.long
def test_a_cluster_writes_the_same_table(recognizer, clips, expected, tmp_path):
    """Pictures too, which come back to this machine."""
    ray = pytest.importorskip("ray")
    options = {"executor": "ray", "ray_address": "local", "figures": tmp_path / "pictures"}
    try:
        rows = table(recognizer, clips, tmp_path / "out.csv", **options)
    finally:
        ray.shutdown()
    for name in ("0.png", "1.png", "3.png"):
        assert (tmp_path / "pictures" / name).stat().st_size > 0
        rows = rows.replace(name.encode(), b"")
    assert rows == expected


def test_two_clips_start_no_process(recognizer, clips, tmp_path, monkeypatch):
    from dualatme_keras.workers import scheduling

    monkeypatch.setattr(scheduling, "ProcessExecutor", None)
    monkeypatch.setattr(scheduling, "most_workers", lambda *_arguments: 2)
    monkeypatch.setattr(scheduling, "is_worth_it", lambda *_arguments: True)
    table(recognizer, clips[1:3], tmp_path / "out.csv")


def stopped(recognizer, clips, output, **options):
    with pytest.raises(KeyboardInterrupt):
        table(recognizer, clips, output, **options)


def test_finished_clips_are_not_asked_about_again(recognizer, clips, expected, asked, tmp_path):
    options = {"workers": 1, "figures": tmp_path / "pictures"}
    stopped(recognizer, clips, tmp_path / "out.csv", **options)
    assert asked == ["0", "1", "2"]
    assert table(recognizer, clips, tmp_path / "out.csv", **options).count(b".png,\n") == 3
    assert asked[3:] == ["2", "3"]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["0.png", "1.png", "3.png"]
    # What failed is asked about once more, it alone.
    del asked[:]
    table(recognizer, clips, tmp_path / "out.csv", **options)
    assert asked == ["2"]


def test_the_table_is_that_of_an_undisturbed_call(recognizer, clips, expected, asked, tmp_path):
    stopped(recognizer, clips, tmp_path / "out.csv", workers=1)
    (journal,) = tmp_path.glob(".out.csv.unfinished/rows.jsonl")
    journal.write_bytes(journal.read_bytes() + b'{"key": "half a')  # what a lost power leaves
    assert table(recognizer, clips, tmp_path / "out.csv", workers=1) == expected
    assert asked[3:] == ["2", "3"]


def change_frame(clips, **_others):
    file = Path(clips[0], "0.png")
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))


def change_network(recognizer, **_others):
    recognizer._ensemble._members[0][0][0] = recognizer._ensemble._members[0][0][0] + 1.0


def change_flag(options, **_others):
    options["frames_per_second"] = 25.0


@pytest.mark.parametrize(
    ("change", "again"),
    [(change_frame, ["0", "2", "3"]), (change_network, None), (change_flag, None)],
)
def test_what_decides_the_answer_is_compared(change, again, recognizer, clips, asked, tmp_path, monkeypatch):
    copies = [shutil.copytree(clip, tmp_path / Path(clip).name) for clip in clips]
    copies, options = list(map(str, copies)), {"workers": 1}
    ensemble = recognizer._ensemble
    members = [[list(variables) for variables in member] for member in ensemble._members]
    monkeypatch.setattr(ensemble, "_members", members)
    stopped(recognizer, copies, tmp_path / "out.csv", **options)
    change(recognizer=recognizer, clips=copies, options=options)
    table(recognizer, copies, tmp_path / "out.csv", **options)
    assert asked[3:] == (again or ["0", "1", "2", "3"])


def test_a_server_has_one_who_asks(tmp_path):
    remote = RemoteRecognizer(None, landmarks="template")
    for options in ({"workers": 2}, {"executor": "ray"}):
        with pytest.raises(DualATMEError, match="`workers=1` and `executor='processes'` where a server"):
            predict_clips(remote, ["clip"], tmp_path / "out.csv", **options)
    with pytest.raises(DualATMEError, match="`workers` to be 'auto' or an integer from 1. Received: 0"):
        predict_clips(remote, ["clip"], tmp_path / "out.csv", workers=0)


@pytest.mark.long
def test_a_killed_command_goes_on(run, recognizer, clips, expected, tmp_path):
    """And nobody else writes its table meanwhile."""
    command = [
        *(sys.executable, "-m", "dualatme_keras.commands.predict", *clips * 8, f"--run={run[0]}"),
        *(f"--output={tmp_path / 'out.csv'}", "--workers=1"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(dualatme_keras.__file__).parents[1])}
    output = tmp_path / "out.csv"
    journal = tmp_path / ".out.csv.unfinished" / "rows.jsonl"
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
            assert process.poll() is None
            time.sleep(0.05)
        with pytest.raises(DualATMEError, match=f"`output` to be a file .*, in use by process {process.pid}"):
            predict_clips(recognizer, clips, output)
        process.send_signal(signal.SIGKILL)
    kept, told = journal.read_bytes().count(b"\n"), io.StringIO()
    predict_clips(recognizer, clips * 8, output, stream=told, workers=1)
    assert told.getvalue().startswith(f"{kept} of {len(clips) * 8} clips finished before\n")
    header, rows = expected.split(b"\n", 1)
    assert output.read_bytes() == header + b"\n" + rows * 8
