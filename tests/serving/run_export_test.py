"""`dualatme-export`: a run becomes a version that servers load, and files for other runtimes."""

import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "recognition"))
import script_calls
from small_runs import SETTINGS, write_run

import dualatme_keras
from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import DualATME, prediction_model
from dualatme_keras.serving import export_run
from dualatme_keras.serving.formats import CONVERTERS
from dualatme_keras.serving.server_files import batching_parameters, models_config

COMMAND = Path(dualatme_keras.__file__).parent / "commands" / "export.py"

# The newest Keras of Python 3.10 writes none.
LITERT = ["litert"] * (tuple(map(int, keras.__version__.split(".")[:2])) >= CONVERTERS["litert"].first_keras)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The run, whose images have a flow that graphs do not, and its final network."""
    path = tmp_path_factory.mktemp("export") / "run"
    (model,) = write_run(path, folds=0)
    (path / "metrics.json").write_text('{"full": {"uf1": 0.25}}')
    return path, model


@pytest.fixture(scope="module")
def output(run, tmp_path_factory):
    output = tmp_path_factory.mktemp("models")
    script_calls.call(
        COMMAND,
        f"--run={run[0]}",
        f"--output={output}",
        f"--formats={','.join(['saved_model', 'onnx', *LITERT])}",
        "--model=faces",
    )
    return output


def test_files_of_a_version(output):
    there = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert there >= {
        "1/saved_model.pb",
        "1/assets/prepare.json",
        "1/assets.extra/tf_serving_warmup_requests",
        "onnx/1.onnx",
        *(f"{form}/1.tflite" for form in LITERT),
        "models.config",
        "batching_parameters.txt",
    }
    assert json.loads((output / "1" / "assets" / "metrics.json").read_text())["full"]["uf1"] == 0.25
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((output / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("faces", "/models/faces", "tensorflow")


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("form", ["onnx", *LITERT])
def test_other_runtimes_answer_as_keras(form, batch, run, output):
    rng = np.random.default_rng(1)
    images = {n: rng.uniform(-1, 1, (batch, 28, 28, 3)).astype("float32") for n in ("entire", "puzzled")}
    expected = prediction_model(run[1])(images)
    if form == "onnx":
        session = onnxruntime.InferenceSession(str(output / "onnx" / "1.onnx"))
        given = dict(zip(("probabilities", "similarity"), session.run(None, images), strict=True))
    else:
        given = Interpreter(str(output / "litert" / "1.tflite")).get_signature_runner()(**images)
    for name in ("probabilities", "similarity"):
        np.testing.assert_allclose(given[name], expected[name], atol=1e-4)


@pytest.mark.skipif(not LITERT, reason="this Keras writes no LiteRT")
def test_the_weights_of_this_package_for_other_runtimes(tmp_path):
    """Their network normalizes flow. Export compares what both files answer."""
    result = export_run("facs", tmp_path, formats=["onnx", *LITERT])
    assert all(path.stat().st_size > 100_000 for path in result.paths.values())


@pytest.mark.skipif(not LITERT, reason="this Keras writes no LiteRT")
@pytest.mark.parametrize("precision", ["mixed_float16", "float64"])
def test_other_runtimes_compute_in_float32(precision):
    """Converting compares what the file answers."""
    network = DualATME.from_preset("tiny", backbone="convolution", dtype=precision)
    for converter in CONVERTERS.values():
        assert len(converter.convert(network)) > 10_000


@pytest.mark.skipif(not LITERT, reason="this Keras writes no LiteRT")
def test_a_file_that_answers_otherwise_is_not_kept(run, output, tmp_path, monkeypatch):
    def run_wrongly(path, inputs):
        return {"probabilities": np.full((len(inputs["entire"]), 3), 1 / 3 + 3e-2)}

    wrong = CONVERTERS["litert"]._replace(run=run_wrongly)
    monkeypatch.setitem(CONVERTERS, "litert", wrong)
    converted = output / "litert" / "1.tflite"  # converting it again would take a while
    monkeypatch.setattr(keras.Model, "export", lambda self, path, **_: shutil.copyfile(converted, path))
    with pytest.raises(DualATMEError, match="within 0.0001.*probabilities"):
        export_run(run[0], tmp_path / "new", formats=["saved_model", "litert"])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]  # nothing for a server either


def test_versions_of_all_formats_count(run, tmp_path):
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "4.onnx").touch()
    (tmp_path / "2").mkdir()
    result = export_run(run[0], tmp_path, warm_up=False)
    assert result.version == 5
    assert "flow 'dis'" in result.without_frames
    assert not (result.paths["saved_model"] / "assets.extra").exists()
    with pytest.raises(DualATMEError, match="Received: 4, which is there. The next free one is 6"):
        export_run(run[0], tmp_path, version=4)
    with pytest.raises(DualATMEError, match="1 or more.*Received: 0"):
        export_run(run[0], tmp_path, version=0)


def test_server_files_of_somebody_else_are_kept(run, tmp_path, capsys):
    """Of a file of weights, which is exported as a run is; those of an earlier export are replaced."""
    config, batching = tmp_path / "models.config", tmp_path / "batching_parameters.txt"
    config.write_text('model_config_list { config { name: "faces" } }')
    batching.write_text(batching_parameters())
    weights = run[0] / "final" / "model.keras"
    script_calls.call(COMMAND, f"--run={weights}", f"--output={tmp_path}", "--nowarm_up")
    kept = f"kept: {config}, which this command did not write; look whether it names --model=dualatme"
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("kept")] == [kept]
    assert config.read_text() == 'model_config_list { config { name: "faces" } }'
    config.write_text(models_config("earlier"))
    batching.write_text("max_batch_size { value: 1 }")
    assert export_run(weights, tmp_path, warm_up=False).kept == (batching,)
    assert config.read_text() == models_config("dualatme")
    assert batching.read_text() == "max_batch_size { value: 1 }"


def test_missing_packages_are_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(CONVERTERS, "onnx", CONVERTERS["onnx"]._replace(packages=("no_such_package",)))
    with pytest.raises(DualATMEError, match="Missing: no_such_package. pip install 'dualatme-keras.formats"):
        export_run(run[0], tmp_path, formats=["saved_model", "onnx"])
    assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as old:
        old.setattr("keras.__version__", "3.12.4")
        with pytest.raises(DualATMEError, match="writes litert, 3.13 or newer.*Received: Keras 3.12.4"):
            export_run(run[0], tmp_path, formats=["litert"])
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(DualATMEError, match="tensorflow-serving-api.*`warm_up=False`"):
        export_run(run[0], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--formats=tflite"], "saved_model, onnx, litert. Received: tflite"),
        (["--run=nowhere"], "nowhere, which is not there"),
        (["--settings=nowhere.json"], "nowhere.json, which is no file"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, run, tmp_path):
    with pytest.raises(SystemExit, match=f"dualatme-export: .*{message}") as failure:
        script_calls.call(COMMAND, f"--run={run[0]}", f"--output={tmp_path}", *arguments)
    assert "\\n" not in failure.value.code


def test_no_format_is_refused(run, tmp_path):
    with pytest.raises(DualATMEError, match="`formats` out of saved_model, onnx, litert. Received: none"):
        export_run(run[0], tmp_path, formats=[])


def test_folds_are_not_one_network(run, tmp_path):
    write_run(tmp_path / "run", settings=SETTINGS, final=False)
    with pytest.raises(DualATMEError, match="final_model"):
        export_run(tmp_path / "run", tmp_path / "models")
    for seed in (1, 2):
        shutil.copytree(run[0], tmp_path / "seeds" / f"seed_{seed}")
    with pytest.raises(DualATMEError, match="one network.*2 seeds"):
        export_run(tmp_path / "seeds", tmp_path / "models")
