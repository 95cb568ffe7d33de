"""What memory and time each step takes with many clips, and what spotting takes of a long video.

    python benchmarks/memory.py --clips=100000 --subjects=100 --image_size=48 --folder=/tmp/many
    python benchmarks/memory.py --video=clip.mp4

Clips are made up. The first `--prepared` of them are pairs of small pictures that go all the way through
`dualatme-prepare`; the flow images of the others are drawn, with the records that a preparation leaves, and a
second call of `dualatme-prepare` goes on with all clips. Then the lists are audited, the fold of the first
subject is trained for an epoch, and that network answers for all clips and is scored. Each step is a process
of its own. The sum of the resident memory of it and of its children is looked at 20 times a second; pages
that they share count more than once. `--images` says where decoded images are, as in `dualatme-train`.
Nothing of an interrupted call is used again, unless its steps are left out of `--steps`.
"""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
from absl import app, flags

from dualatme_keras.megc2019 import CLASS_NAMES

_FRAMES, _PREPARED, _RUN, _SCORED = "frames", "prepared", "run", "scored"
_STEPS = ("frames", "prepare", "draw", "continue", "audit", "train", "score")
_LISTS = "MEGC2019/v_cde_flow"
_DRAWN = 1024
_LINKS = 50_000
"""File systems let a file have few names, such as 65,000."""


def measure(command: list[str]) -> tuple[float, float, int, int]:
    """Runs a command.

    Returns:
        Seconds, seconds of the processor, most resident memory of it and its children in bytes, exit code.
    """
    start, process = time.perf_counter(), subprocess.Popen(command)
    most, processor = 0, {}
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        resident = 0
        for one in _family(watched):
            try:
                resident += one.memory_info().rss
                processor[one.pid] = sum(one.cpu_times()[:2])
            except psutil.Error:  # it has just ended
                continue
        most = max(most, resident)
        time.sleep(0.05)
    return time.perf_counter() - start, sum(processor.values()), most, process.returncode


def _family(process):
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return [process]


def _names(number):
    """Subject, clip and class of a clip."""
    return f"p{number % _SUBJECTS.value:04d}", f"c{number:06d}", number % 3


def write_frames(folder: Path) -> None:
    """Two small pictures for each clip that is prepared, links to them for all others, and a table."""
    import cv2

    rng, rows = np.random.default_rng(0), []
    for number in range(_CLIPS.value):
        subject, clip, label = _names(number)
        place = folder / _FRAMES / subject / clip
        if number < _PREPARED_CLIPS.value:
            place.mkdir(parents=True)
            onset = cv2.resize(rng.integers(0, 256, (12, 12, 3), "uint8"), (40, 40))
            move = np.eye(2, 3) + rng.normal(0, 0.01, (2, 3))
            move[:, 2] += rng.normal(0, 0.7, 2)
            apex = cv2.warpAffine(onset, move, (40, 40), borderMode=cv2.BORDER_REFLECT)
            for frame, image in enumerate((onset, apex)):
                cv2.imwrite(str(place / f"{frame}.bmp"), image)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(_real_frames(folder.resolve(), number))
        rows.append((f"{subject}/{clip}", subject, label, 0, 1, 1))
        if number + 1 in (_PREPARED_CLIPS.value, _CLIPS.value):
            with open(_table(folder, number + 1), "w", newline="") as file:
                csv.writer(file).writerows([("path", "subject", "label", "onset", "apex", "offset"), *rows])


def _real_frames(folder, number):
    subject, clip, _ = _names(number % _PREPARED_CLIPS.value)
    return folder / _FRAMES / subject / clip


def _table(folder, clips):
    return folder / f"clips_{clips}.csv"


def draw_images(folder: Path) -> None:
    """Flow images of the clips that were not prepared, and the records of their preparation.

    So many clips of drawn motion take long, so a few are drawn, and each is changed by a grey value here and
    there: no two pictures are the same.
    """
    import cv2

    from dualatme_keras.synthetic import DrawnFlow

    base, frames = folder / _PREPARED / "own", folder.resolve()
    subject, clip, _ = _names(0)
    record = json.loads((base / "clips" / f"{subject}_{clip}.json").read_text())
    strip = base / "preview" / f"{subject}_{clip}.jpg"
    drawn = DrawnFlow(image_size=_IMAGE_SIZE.value, batch_size=_DRAWN).batch(0)
    rng = np.random.default_rng(1)
    for number in range(_PREPARED_CLIPS.value, _CLIPS.value):
        subject, clip, label = _names(number)
        name = f"{subject}_{clip}"
        for kind, images in (("flow", drawn.entire), ("flow_puzzle", drawn.puzzled)):
            image = images[number % _DRAWN] ^ rng.integers(0, 2, images.shape[1:], "uint8")
            cv2.imwrite(str(base / kind / f"{name}_{kind}.png"), image, (cv2.IMWRITE_PNG_COMPRESSION, 1))
        preview = base / "preview" / f"{name}.jpg"
        if number % _LINKS:
            os.link(strip, preview)
        else:
            strip = shutil.copyfile(strip, preview)
        own = {"name": name, "subject": subject, "clip": clip, "label": label}
        own |= {"emotion": CLASS_NAMES[label], "path": f"own/flow/{name}_flow.png"}
        origin = record["origin"] | {"frames": str(_real_frames(frames, number))}
        own |= {"source": f"{_table(folder, _CLIPS.value)}:{number + 2}", "origin": origin}
        (base / "clips" / f"{name}.json").write_text(json.dumps(record | own) + "\n")


def audit_lists(folder: Path) -> None:
    from dualatme_keras.data import audit, read_lists

    report = audit(read_lists(folder / _PREPARED / _LISTS), data_root=folder / _PREPARED, check_files=True)
    print(str(report)[:2000])


def train(folder: Path) -> None:
    from dualatme_keras.models import DualATME
    from dualatme_keras.training import TrainConfig, run_loso

    def new_model():
        return DualATME(_IMAGE_SIZE.value, filters=(2, 4), bottleneck=2, hidden_units=16)

    config = TrainConfig(
        lists=str(folder / _PREPARED / _LISTS),
        data_root=str(folder / _PREPARED),
        workdir=str(folder / _RUN),
        epochs=1,
        subjects=(_names(0)[0],),
        images=_IMAGES.value,
        workers=1,
    )
    run_loso(config, new_model)


def _commands(folder):
    """What each step runs."""
    prepare = [
        *(
            sys.executable,
            "-m",
            "dualatme_keras.commands.prepare",
            "--dataset=folder",
            "--landmarks=template",
        ),
        *("--flow=dis", "--face_size=64", f"--image_size={_IMAGE_SIZE.value}", f"--root={folder / _FRAMES}"),
        f"--output={folder / _PREPARED}",
    ]
    own = [sys.executable, __file__, *sys.argv[1:]]
    commands = {name: [*own, f"--only={name}"] for name in ("frames", "draw", "audit", "train")}
    commands["prepare"] = [*prepare, f"--annotations={_table(folder, _PREPARED_CLIPS.value)}"]
    commands["continue"] = [*prepare, f"--annotations={_table(folder, _CLIPS.value)}"]
    commands["score"] = [
        *(sys.executable, "-m", "dualatme_keras.commands.evaluate", f"--workdir={folder / _SCORED}"),
        f"--weights={folder / _RUN / 'folds' / _names(0)[0] / 'model.keras'}",
        *(f"--lists={folder / _PREPARED / _LISTS}", f"--data_root={folder / _PREPARED}"),
    ]
    return commands


def main(_arguments):
    folder = Path(_FOLDER.value)
    if _ONLY.value:
        {"frames": write_frames, "draw": draw_images, "audit": audit_lists, "train": train}[_ONLY.value](
            folder
        )
        return
    if _VIDEO.value:
        spot = [sys.executable, "-m", "dualatme_keras.commands.predict", _VIDEO.value, "--spot"]
        commands = {"spot": [*spot, f"--output={folder / 'spotted.csv'}", f"--figures={folder / 'spotted'}"]}
    else:
        commands = {name: _commands(folder)[name] for name in _STEPS if name in _STEPS_ASKED.value}
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO("")
    print("| step | seconds | of the processor | most memory, MiB |\n| --- | --- | --- | --- |", file=table)
    for name, command in commands.items():
        seconds, processor, most, code = measure(command)
        row = f"| {name} | {seconds:.0f} | {processor:.0f} | {most / 2**20:.0f} |"
        print(row, flush=True)
        print(row, file=table)
        if code:
            sys.exit(f"{name} ended with {code}")
    print(table.getvalue())


if __name__ == "__main__":
    _CLIPS = flags.DEFINE_integer("clips", 100_000, "made-up clips")
    _PREPARED_CLIPS = flags.DEFINE_integer("prepared", 1000, "of these, how many are prepared from frames")
    _SUBJECTS = flags.DEFINE_integer("subjects", 100, "people that they are of")
    _IMAGE_SIZE = flags.DEFINE_integer("image_size", 48, "side of the images in pixels")
    _IMAGES = flags.DEFINE_enum("images", "auto", ("auto", "memory", "files"), "where decoded images are")
    _FOLDER = flags.DEFINE_string("folder", "many_clips", "for all that is made; 3 GB for 100,000 clips")
    _STEPS_ASKED = flags.DEFINE_list("steps", list(_STEPS), "which steps")
    _VIDEO = flags.DEFINE_string("video", None, "a long video to spot expressions in, instead of all this")
    _ONLY = flags.DEFINE_string("only", None, "used by this script itself")
    app.run(main)
