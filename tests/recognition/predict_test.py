"""`dualatme-predict` as a user calls it: videos in, a table and pictures out, whatever one of them is."""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))
import script_calls
from small_runs import write_run
from spread_network import unrelated_inputs
from tiny_export import tiny_export

import dualatme_keras
from dualatme_keras.models import load_model
from dualatme_keras.plots.flow import flow_colours
from dualatme_keras.preprocessing import PrepareSettings, eye_transform
from dualatme_keras.recognition import RemoteRecognizer
from dualatme_keras.serving import LocalExport, export_saved_model
from dualatme_keras.synthetic.databases import synthetic_clips
from dualatme_keras.synthetic.faces import new_look
from dualatme_keras.synthetic.long_recording import LongRecording
from dualatme_keras.synthetic.muscles import action_unit_flow, pixel_grid
from dualatme_keras.synthetic.people import new_person
from dualatme_keras.synthetic.warping import backward_map

COMMAND = Path(dualatme_keras.__file__).parent / "commands" / "predict.py"
SETTINGS = PrepareSettings(flow="dis")
EYES = np.array([(203.1, 100.9), (247.3, 103.5), (225.0, 126.9), (204.0, 140.6), (243.5, 141.5)])


def write_video(path, frames):
    size = frames[0].shape[1::-1]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, size)
    for frame in frames:
        video.write(np.ascontiguousarray(frame[..., ::-1]))
    video.release()
    return path


def photograph_frames():
    """A real photograph whose brows and lip corners go up and down again."""
    image, grid = data.astronaut(), pixel_grid(112, zoom=0.8)
    motion = sum(action_unit_flow(unit, grid=grid) for unit in (1, 2, 12)) * 2.5
    inverse = cv2.invertAffineTransform(eye_transform(EYES, 112, 0.1))
    height, width = image.shape[:2]
    motion = cv2.warpAffine(motion.astype("float32"), inverse, (width, height)) @ inverse[:, :2].T
    strengths = np.sin(np.linspace(0, np.pi, 15)) ** 2
    return [
        cv2.remap(image, *backward_map(motion * strength), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for strength in strengths
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("predict") / "run"
    write_run(path, settings=SETTINGS)
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    recording = next(recording for _record, recording in synthetic_clips("smic", 8, 1, 1, 240))
    made_up = [recording.frame(number) for number in range(recording.timing.onset, recording.timing.length)]
    write_video(folder / "made_up.mp4", made_up)
    write_video(folder / "photograph.mp4", photograph_frames())
    (folder / "broken.mp4").write_bytes(b"no video")
    noise = np.random.default_rng(0).integers(0, 255, (5, 120, 120, 3), dtype="uint8")
    (folder / "noise").mkdir()
    for number, frame in enumerate(noise):
        Image.fromarray(frame).save(folder / "noise" / f"{number}.png")
    return folder, recording.timing


@pytest.fixture(scope="module")
def called(run, videos, tmp_path_factory):
    """Output folder, printed text and errors of one call for good and bad clips."""
    output, folder = tmp_path_factory.mktemp("output"), videos[0]
    names = ("made_up.mp4", "broken.mp4", "noise", "photograph.mp4")
    with pytest.raises(SystemExit) as ended:
        script_calls.call(
            COMMAND,
            *(folder / name for name in names),
            f"--run={run}",
            f"--output={output / 'out.csv'}",
            f"--figures={output / 'pictures'}",
        )
    assert ended.value.code == 1  # some failed
    with (output / "out.csv").open(newline="") as file:
        return output, {Path(row["clip"]).name: row for row in csv.DictReader(file)}


def test_a_row_for_each_clip_in_order(called):
    rows = called[1]
    assert list(rows) == ["made_up.mp4", "broken.mp4", "noise", "photograph.mp4"]
    for name in ("made_up.mp4", "photograph.mp4"):
        row = rows[name]
        assert row["label"] in ("negative", "positive", "surprise")
        shares = [float(row[f"p_{label}"]) for label in ("negative", "positive", "surprise")]
        assert sum(shares) == pytest.approx(1, abs=2e-4)
        assert row["error"] == ""
    assert "broken.mp4, which does not begin as one" in rows["broken.mp4"]["error"]
    assert "Expected a face" in rows["noise"]["error"]
    assert rows["noise"]["label"] == ""
    # A twentieth of what is looked at moves further than 7.7% of the distance between the eyes; smooth flow
    # tells a little less.
    assert float(rows["photograph.mp4"]["motion"]) == pytest.approx(7.7, rel=0.3)


def test_apexes_of_videos_are_found(called, videos):
    """Through compression: within three frames of the truth."""
    timing = videos[1]
    assert abs(int(called[1]["made_up.mp4"]["apex"]) - (timing.apex - timing.onset)) <= 3
    assert abs(int(called[1]["photograph.mp4"]["apex"]) - 7) <= 3


def test_a_picture_for_each_answer(called):
    pictures = sorted(path.name for path in (called[0] / "pictures").iterdir())
    assert pictures == ["made_up.png", "photograph.png"]
    assert [row["picture"] for row in called[1].values()] == ["made_up.png", "", "", "photograph.png"]
    for name in pictures:
        image = np.asarray(Image.open(called[0] / "pictures" / name).convert("RGB"))
        assert image.shape[1] > 2 * image.shape[0] > 1000
        assert 0.1 < (image != 255).any(axis=-1).mean() < 0.9  # neither empty nor full


@pytest.mark.long
def test_long_video(run, tmp_path):
    rng = np.random.default_rng(3)
    person = new_person("casme2", rng)
    recording = LongRecording(person, new_look(person.landmarks, rng), rng, (2,), 6.0, 30)
    (tmp_path / "long").mkdir()
    for number in range(recording.length):
        Image.fromarray(recording.frame(number)).save(tmp_path / "long" / f"{number}.png")
    arguments = (tmp_path / "long", f"--run={run}", "--spot", f"--output={tmp_path / 'out.csv'}")
    with pytest.raises(SystemExit, match="Expected --fps with --spot.*long, a folder"):
        script_calls.call(COMMAND, *arguments)
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(SystemExit) as ended:
        script_calls.call(COMMAND, *arguments, "--fps=30", f"--figures={tmp_path / 'pictures'}")
    assert ended.value.code == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    (shown,) = recording.expressions
    (row,) = [row for row in rows if shown.onset <= int(row["apex"]) <= shown.offset]
    assert int(row["onset"]) < int(row["apex"]) < int(row["offset"])
    for name in ("onset", "apex", "offset"):
        assert row[f"{name}_seconds"] == f"{int(row[name]) / 30:.3f}"
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        "long.png",
        *(row["picture"] for row in rows),
    }


@pytest.mark.long
def test_through_an_export(videos, tmp_path, tmp_path_factory):
    """What is asked of it and becomes of its answer."""
    export, table = tiny_export(tmp_path_factory), tmp_path / "graph.csv"
    arguments = [f"--export={export}", f"--output={table}", f"--figures={tmp_path}"]
    with pytest.raises(SystemExit) as ended:
        script_calls.call(COMMAND, videos[0] / "made_up.mp4", *arguments)
    assert ended.value.code == 0
    assert (tmp_path / "made_up.png").stat().st_size > 0
    (row,) = csv.DictReader(table.open(newline=""))
    answer = RemoteRecognizer(LocalExport(export)).recognize(videos[0] / "made_up.mp4")
    assert (row["label"], int(row["apex"])) == (answer.label, answer.apex)
    for label, probability in answer.probabilities.items():
        assert float(row[f"p_{label}"]) == pytest.approx(probability, abs=1e-4)


@pytest.mark.long
def test_an_export_answers_as_its_run(run, videos, tmp_path):
    """The frames as they are, to the graph; the class is the run's where the run has the graph's flow."""
    model = run / "final" / "model.keras"
    export = export_saved_model(model, tmp_path / "models", settings=PrepareSettings(margin=0.2))
    for name, who in (("graph", f"--export={export}"), ("python", f"--run={model}")):
        arguments = [who, f"--output={tmp_path / name}.csv"]
        if name == "python":  # an export brings its own
            arguments.append(f"--settings={export / 'assets' / 'prepare.json'}")
        with pytest.raises(SystemExit) as ended:
            script_calls.call(COMMAND, videos[0] / "made_up.mp4", *arguments, f"--figures={tmp_path / name}")
        assert ended.value.code == 0
        assert (tmp_path / name / "made_up.png").stat().st_size > 0
    graph, python = (
        next(csv.DictReader((tmp_path / f"{name}.csv").open(newline=""))) for name in ("graph", "python")
    )
    assert [graph[name] for name in ("apex", "motion")] == [python[name] for name in ("apex", "motion")]
    network = load_model(model)
    unrelated = network.predict_probabilities(unrelated_inputs(network))
    assert unrelated.std(axis=0).min() > 4 * 0.02  # what follows could fail
    for label in ("negative", "positive", "surprise"):
        assert float(graph[f"p_{label}"]) == pytest.approx(float(python[f"p_{label}"]), abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run=nowhere"], "Expected videos or folders"),
        (["a.mp4", "--run=nowhere"], "nowhere, which is not there"),
        (["a.mp4", "--export=nowhere"], "folder of an export.*nowhere"),
        (["a.mp4", "--server=localhost:8501"], "http://HOST:8501.*localhost:8501"),
        (["a.mp4", "--export=e", "--settings=s.json"], "--settings with --run or --server.*it with --export"),
        (["a.mp4", "--export=e", "--networks=folds"], "--networks with --run.*it with --export"),
        (["a.mp4", "--export=e", "--model=mine"], "--model with --server.*it with --export"),
        (["a.mp4", "--run=r", "--model=mine"], "--model with --server.*it with --run"),
        (
            ["a.mp4", "--server=http://h:1", "--landmarks_file=t.csv"],
            "--landmarks_file with --landmarks=file",
        ),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, tmp_path):
    with pytest.raises(SystemExit, match=f"dualatme-predict: .*{message}") as failure:
        script_calls.call(COMMAND, *arguments, f"--output={tmp_path / 'out.csv'}")
    assert "\\n" not in failure.value.code
    assert not (tmp_path / "out.csv").exists()


def test_a_server_that_is_down(videos, tmp_path):
    with pytest.raises(SystemExit) as ended:
        script_calls.call(
            COMMAND,
            videos[0] / "made_up.mp4",
            "--server=http://127.0.0.1:9",
            f"--output={tmp_path / 'out.csv'}",
        )
    assert ended.value.code == 1
    assert "http://127.0.0.1:9" in (tmp_path / "out.csv").read_text()


def test_colours_tell_direction_and_magnitude():
    field = np.array([[(1, 0), (0, -1), (-1, 0), (0, 1)], [(0, 0), (0.5, 0), (2, 0), (1e-9, 0)]], float)
    colours = flow_colours(field, 1.0)
    np.testing.assert_allclose(colours[0, 0], (1, 0, 0), atol=1e-6)  # right is red
    np.testing.assert_allclose(colours[0, 1], (0.5, 1, 0), atol=1e-6)  # up is green
    np.testing.assert_allclose(colours[0, 2], (0, 1, 1), atol=1e-6)
    np.testing.assert_allclose(colours[1, [0, 3]], 1.0, atol=1e-6)  # no motion is white
    np.testing.assert_allclose(colours[1, 1], (1, 0.5, 0.5), atol=1e-6)
    np.testing.assert_allclose(colours[1, 2], colours[0, 0])
