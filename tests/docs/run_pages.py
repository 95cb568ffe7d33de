"""Runs every block of README and docs/ and the notebooks: `make test-docs`. Minutes, so not in `make test`.

Each page has a copy of the checkout of its own, with painted data under the names that the pages use. Its
blocks run one after the other, shell blocks in bash, Python blocks with the names of those before them.
`pip install` only looks whether all is there.
"""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))
from blocks import PAGES, ROOT, read_blocks
from torch_files import write_state_dict

ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "MPLBACKEND": "agg",
}
DATA = """
dualatme-demo --output=raw --subjects=2 --clips=4
mkdir -p CASME2 SMIC_all_cropped
mv raw/casme2/Cropped CASME2
mv raw/casme2/*.xlsx CASME2-coding-20140508.xlsx
mv raw/samm/* .
mv raw/smic/SMIC_all_raw/HS SMIC_all_cropped
mv raw/smic/*.xlsx .
prepare="dualatme-prepare --output=prepared"
$prepare --dataset=casme2 --root=CASME2/Cropped --annotations=CASME2-coding-20140508.xlsx
$prepare --dataset=samm --root=SAMM --annotations=SAMM_Micro_FACS_Codes_v2.xlsx
$prepare --dataset=smic --root=SMIC_all_cropped/HS --annotations=SMIC-HS-E_annotation.xlsx
"""
RUNS = {
    "runs/mine": "--preset=plus --final_model",
    "runs/linear": "--model=linear",
    "runs/released": "--preset=released --epochs=1",
}
"""Runs that pages take for granted; a page that makes one of them itself does not find it."""
LOOK_ONLY = 'pip() { command pip "$@" --dry-run; }\n'
"""What `pip` does in a block: all is installed, and stays as it is."""
NAMES = {"--lists=...": "--lists=LISTS", "--data_root=...": "--data_root=IMAGES"}
"""What a reader fills in."""


def shell(script, folder, seconds=600):
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", LOOK_ONLY + script],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert ended.returncode == 0, f"{script}\nended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}"


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """What the pages take for granted, beside the checkout."""
    folder = tmp_path_factory.mktemp("data")
    shell(DATA, folder)
    _write_ground_truth(folder)
    _write_own_clips(folder)
    rng = np.random.default_rng(0)
    _write_torch_file(folder / "model.pth", rng)
    places = "--lists=prepared/MEGC2019/v_cde_flow --data_root=prepared"
    for run, flags in RUNS.items():
        shell(f"dualatme-train {flags} {places} --workdir={run}", folder)
    return folder


def _write_ground_truth(folder):
    """The list of MEGC2019's organisers, for the painted clips."""
    from dualatme_keras.databases import read_casme2, read_samm, read_smic

    records = [
        *read_casme2(folder / "CASME2-coding-20140508.xlsx"),
        *read_samm(folder / "SAMM_Micro_FACS_Codes_v2.xlsx"),
        *read_smic(root=folder / "SMIC_all_cropped" / "HS"),
    ]
    taking_part = [record for record in records if record.label is not None]
    with open(folder / "megc2019_combined_3class_gt.csv", "w", newline="") as file:
        csv.writer(file).writerows((r.database, r.subject, r.clip, r.label) for r in taking_part)
    with open(folder / "CODING.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("subject", "clip", "action_units"))
        table.writerows((r.subject, r.clip, r.action_units) for r in taking_part if r.database == "casme2")


def _write_own_clips(folder):
    """Videos, folders of frames and single frames of the same painted people, and a longer video."""
    import cv2
    from PIL import Image

    from dualatme_keras.databases import clip_numbers, open_clip, read_casme2
    from dualatme_keras.synthetic.faces import new_look
    from dualatme_keras.synthetic.long_recording import LongRecording
    from dualatme_keras.synthetic.people import new_person

    def write_video(path, frames, rate=30):
        path.parent.mkdir(parents=True, exist_ok=True)
        size = frames[0].shape[1::-1]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
        for frame in frames:
            writer.write(frame[..., ::-1])
        writer.release()

    def write_frames(place, frames, name="img{}.png"):
        place.mkdir(parents=True)
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(place / name.format(number))

    clips = []
    for record in read_casme2(folder / "CASME2-coding-20140508.xlsx"):
        with open_clip(record, folder / "CASME2" / "Cropped") as opened:
            numbers = [n for n in clip_numbers(record, opened.numbers) if record.onset <= n <= record.offset]
            clips.append([np.array(opened.read(number)) for number in numbers])
        if len(clips) == 1:
            write_video(folder / "clip.mp4", clips[0])
            write_frames(folder / "folder_of_frames", clips[0])
            Image.fromarray(clips[0][0]).save(folder / "onset.png")
            Image.fromarray(clips[0][record.apex - numbers[0]]).save(folder / "apex.png")
    own = folder / "my_clips"
    write_video(own / "anna/positive/morning.mp4", clips[0])
    write_frames(own / "anna/negative/evening", clips[1])
    write_video(own / "anna/surprise/two.mp4", clips[2])
    write_video(own / "bob/surprise/one.mp4", clips[4])
    write_video(own / "bob/negative/one_more.mp4", clips[5])
    write_video(own / "bob/positive/three.mp4", clips[6])
    for subject, chosen in (("anna", clips[:4]), ("bob", clips[4:])):
        for number, frames in enumerate(chosen):
            place = folder / "my_feelings" / subject / ("calm", "tense")[number % 2]
            write_video(place / f"clip{number}.mp4", frames)
    (table,) = [one for one in read_blocks(ROOT / "docs/own_database.md") if "path,subject" in one.source]
    (folder / "my_clips.csv").write_text(table.source)
    rng = np.random.default_rng([20, 0])
    person = new_person("casme2", rng)
    recording = LongRecording(person, new_look(person.landmarks, rng), rng, (2,), 5.0, 30.0)
    long = [recording.frame(number) for number in range(recording.length)]
    for name in ("interview.mp4", "two_minutes.mp4"):
        write_video(folder / name, long)
    truth = ["subject,video,onset,offset,emotion"]
    for subject in ("s1", "s2"):
        write_frames(folder / "videos" / subject / "talk", long, "{}.png")
        truth += [f"{subject},talk,{shown.onset},{shown.offset},surprise" for shown in recording.expressions]
    (folder / "truth.csv").write_text("\n".join(truth) + "\n")


def _write_torch_file(path, rng):
    import json

    spec = json.loads((ROOT / "tests" / "parity" / "state_dict_spec.json").read_text())
    write_state_dict(
        path,
        {
            name: np.zeros(shape, "int64")
            if name.endswith("num_batches_tracked")
            else rng.uniform(0.5, 1.5, shape).astype("float32") * 0.1
            for name, shape in spec
        },
    )


@pytest.fixture
def place(data, tmp_path, request):
    """A copy of the checkout with what its page takes for granted."""
    folder = tmp_path / "checkout"
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    text = request.getfixturevalue("page").read_text(encoding="utf-8")
    for path in data.iterdir():
        if path.name not in ("prepared", "runs", "raw"):
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
    for run in RUNS:
        if f"--workdir={run}\n" not in text and f"--workdir={run} " not in text:
            shutil.copytree(data / run, folder / run)
    for name in ("IMAGES", "SET"):
        shutil.copytree(data / "prepared", folder / name)
    if "--output=data\n" not in text and "write_lists" not in text:  # which make `data` themselves
        shutil.copytree(data / "prepared", folder / "data", dirs_exist_ok=True)
    shutil.copytree(data / "prepared" / "MEGC2019" / "v_cde_flow", folder / "LISTS")
    return folder


class Page:
    """Runs blocks of a page in order, and stands in for the server that it starts by Docker."""

    def __init__(self, folder):
        self.folder, self.names, self.server = folder, {"__name__": "__main__"}, None

    def run(self, block):
        source = block.short_source
        for shown, meant in {**NAMES, **self.addresses()}.items():
            source = source.replace(shown, meant)
        if block.language == "sh":
            shell(source, self.folder)
        else:
            code = compile("\n" * block.line + source, str(block.page), "exec")
            exec(code, self.names)

    def start_server(self):
        from predict_server import PredictServer

        self.server = PredictServer(self.folder / "models" / "dualatme" / "1").__enter__()

    def addresses(self):
        if self.server is None:
            return {}
        return {
            "grpc://localhost:8500": self.server.grpc_url,
            "http://localhost:8501": self.server.rest_url,
        }

    def end(self):
        if self.server is not None:
            self.server.__exit__()


RUNNABLE = [page for page in PAGES if any(one.language in ("sh", "python") for one in read_blocks(page))]
COUNTS = {"run": 0, "not run": []}


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page, place, monkeypatch):
    monkeypatch.chdir(place)
    here = Page(place)
    try:
        for block in read_blocks(page):
            if block.language not in ("sh", "python"):
                continue
            if block.not_run:
                COUNTS["not run"].append(f"{block.place}: {block.not_run}")
                if "docker run" in block.source:
                    here.start_server()
                continue
            print(block.place)
            here.run(block)
            COUNTS["run"] += 1
    finally:
        here.end()


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.ipynb")), ids=lambda path: path.name)
def test_notebook(path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    NotebookClient(nbformat.read(path, as_version=4), timeout=300).execute()


def test_what_was_run(capsys):
    """Last: tells how many blocks were run, and which were not."""
    with capsys.disabled():
        print(f"\n{COUNTS['run']} blocks were run, {len(COUNTS['not run'])} were not:")
        print("\n".join(COUNTS["not run"]))
