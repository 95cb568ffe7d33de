"""Places that cannot be written to: told in one line, before the work where it can be known."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import script_calls

import dualatme_keras
from dualatme_keras import evaluation, recognition
from dualatme_keras.commands import Flags
from dualatme_keras.files import WritingError
from dualatme_keras.runs import Predictions, write_predictions
from dualatme_keras.training import pretraining

COMMANDS = Path(dualatme_keras.__file__).parent / "commands"


def end_of(command, *arguments):
    with pytest.raises(SystemExit) as ended:
        script_calls.call(COMMANDS / f"{command}.py", *arguments)
    return str(ended.value.code)


def refuse_to_work(*_arguments, **_others):
    raise AssertionError("the work began")


@pytest.fixture
def mounted(tmp_path):
    """Mounts a disk of 3 MB, full or read-only, on which an earlier result lies."""
    places = []

    def mount(kind):
        place = tmp_path / kind
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place]
        if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("file systems cannot be mounted here")
        places.append(place)
        (place / "earlier").write_text("mine")
        if kind == "full":
            disk = os.statvfs(place)
            (place / "filler").write_bytes(bytes(disk.f_bavail * disk.f_frsize))
        else:
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        return place

    yield mount
    for place in places:
        assert (place / "earlier").read_text() == "mine"
        subprocess.run(["umount", place], check=True)


ARGUMENTS = {
    "predict": (["clip.mp4", "--output={}/out.csv"], "output"),
    "predict figures": (["clip.mp4", "--output={free}/out.csv", "--figures={}/new/folder"], "figures"),
    "predict intervals": (
        ["clip.mp4", "--output={free}/out.csv", "--spot", "--intervals={}/found.csv"],
        "intervals",
    ),
    "pretrain": (["--output={}/facs.keras"], "output"),
    "compare": (["a", "b", "--output={}/compared.json"], "output"),
    "score": (["a", "b", "--output={}/scores.json"], "output"),
    "demo": (["--output={}/raw"], "output"),
    "export": (["--output={}/models"], "output"),
    "evaluate": (["--weights=facs", "--lists=lists", "--workdir={}/run"], "workdir"),
}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("full", errno.ENOSPC), ("read-only", errno.EROFS), ("file", errno.ENOTDIR)],
)
@pytest.mark.parametrize("called", ARGUMENTS)
def test_before_the_work(called, kind, reason, mounted, tmp_path, monkeypatch):
    arguments, argument = ARGUMENTS[called]
    if kind == "file":
        place = tmp_path / "file"
        place.write_text("mine")
        if called == "pretrain":
            pytest.skip("says that its folder is not there, see flags_test.py")
    else:
        place = mounted(kind)
    for module, name in (
        (recognition, "Recognizer"),
        (pretraining, "pretrain"),
        (evaluation, "compare_runs"),
        (evaluation, "score_spotting"),
    ):
        monkeypatch.setattr(module, name, refuse_to_work)
    monkeypatch.setattr("dualatme_keras.models.load_model", refuse_to_work)
    monkeypatch.setattr("dualatme_keras.serving.run_export.load_model", refuse_to_work)
    told = end_of(called.split()[0], *(text.format(place, free=tmp_path) for text in arguments))
    assert f"Expected --{argument} to be a f" in told
    assert f"({os.strerror(reason)})" in told
    assert kind != "file" or place.read_text() == "mine"


def test_a_run_that_cannot_keep_its_scores_is_told_so(tmp_path):
    predictions = Predictions(
        paths=np.array(["casme2/flow/a_flow.png", "casme2/flow/b_flow.png"]),
        subjects=np.array(["sub01", "sub02"]),
        databases=np.array(["casme2", "casme2"]),
        labels=np.array([0, 1]),
        predictions=np.array([0, 1]),
        probabilities=np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]),
    )
    write_predictions(tmp_path / "predictions.csv", predictions)
    (tmp_path / "figures").write_text("mine")
    assert "figures (Not a directory)" in end_of("evaluate", f"--workdir={tmp_path}")


def test_reading_and_writing_are_told_apart(tmp_path):
    def fail(error):
        def main(_arguments):
            raise error

        with pytest.raises(SystemExit) as ended:
            Flags("").run(main, ["dualatme-try"])
        return ended.value.code

    closed = PermissionError(errno.EACCES, "Permission denied", "lists/subName.txt")
    assert fail(closed) == "dualatme-try: Expected to read lists/subName.txt. Received: Permission denied."
    written = WritingError(errno.EACCES, "Permission denied", "run/metrics.json")
    told = "Expected to write run/metrics.json. Received: Permission denied. What is finished is kept."
    assert fail(written) == f"dualatme-try: {told}"
    # A library that writes by itself, where it does not say what.
    full = OSError(errno.ENOSPC, "No space left on device")
    assert fail(full) == "dualatme-try: Received: No space left on device. What is finished is kept."
    for others in (OSError("of a library"), OSError(errno.ECONNRESET, "reset", "file")):
        with pytest.raises(OSError, match=str(others).replace("[", r"\[")):
            fail(others)


def test_a_network_that_cannot_be_saved_leaves_the_earlier_one(tmp_path, monkeypatch):
    class Network:
        def save(self, path):
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(pretraining, "_pretrain", lambda *_arguments: Network())
    output = tmp_path / "facs.keras"
    output.write_text("mine")
    assert "No space left on device" in end_of("pretrain", f"--output={output}")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
