"""The export answers in C++, loaded by the function that TensorFlow Serving calls, as it does in Python.

`DUALATME_EXPORT=PATH/TO/VERSION` tests that export in place of a tiny one.
"""

import io
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

# Compiling takes a minute.
pytestmark = pytest.mark.long

SOURCE = Path(__file__).parent / "load_export.cc"
LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
BATCHES = (1, 5)
REFUSED = "batch_3_refused"  # sorts, and so runs, between two good requests


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _scenes(rng, batch):
    """Smooth images of different sizes."""
    for number in range(batch):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype="uint8"))
        yield coarse.resize((41 + 9 * number, 41 + 16 * number), Image.Resampling.BICUBIC)


def _image_tensors(rng, batch, specs):
    return {
        name: rng.uniform(-1, 1, (batch, *spec.shape[1:])).astype("float32") for name, spec in specs.items()
    }


def _image_files(rng, batch, specs):
    return {name: np.array([_png(scene) for scene in _scenes(rng, batch)], object) for name in specs}


def _frame_files(rng, batch, specs):
    """Frames that move by one pixel; the flow between unrelated ones would multiply rounding errors."""
    onset, apex = [], []
    for scene in _scenes(rng, batch):
        onset.append(_png(scene.crop((0, 0, scene.width - 1, scene.height - 1))))
        apex.append(_png(scene.crop((1, 1, scene.width, scene.height))))
    return {"onset_bytes": np.array(onset, object), "apex_bytes": np.array(apex, object)}


# For each signature a function of (generator, batch size, {input: tf.TensorSpec}) that returns the arrays to
# send. Inputs that it leaves out have a default in the signature.
REQUESTS = {"serving_default": _image_tensors, "serve_images": _image_files, "serve_frames": _frame_files}
OF_FILES = sorted(REQUESTS.keys() - {"serving_default"})


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The compiled C++ program."""
    compiler, folder = shutil.which("g++"), Path(tf.sysconfig.get_lib())
    if compiler is None:
        pytest.skip("compiling C++ needs g++, which is not installed")
    for name in LIBRARIES:
        if not (folder / name).exists():
            pytest.skip(f"linking C++ needs {name}, which this TensorFlow lacks in {folder}")
    path = tmp_path_factory.mktemp("program") / "load_export"
    # NDEBUG as in the wheel, because code in its headers depends on it; -w as those headers warn a lot.
    flags = [*tf.sysconfig.get_compile_flags(), "-DNDEBUG", "-O0", "-w"]
    link = [
        f"-L{folder}",
        "-Wl,--no-as-needed",
        *(f"-l:{name}" for name in LIBRARIES),
        f"-Wl,-rpath,{folder}",
    ]
    command = [compiler, *flags, str(SOURCE), "-o", str(path), *link]
    compiled = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert compiled.returncode == 0, compiled.stderr
    return path


@pytest.fixture(scope="module")
def export(request):
    """Path of the version's folder."""
    if given := os.environ.get("DUALATME_EXPORT"):
        return Path(given)
    return request.getfixturevalue("tiny")[1]


@pytest.fixture(scope="module")
def signatures(export):
    with tf.device("CPU"):
        return tf.saved_model.load(str(export)).signatures


@pytest.fixture(scope="module")
def requests(signatures):
    """`{(signature, case): {input: array}}` for all signatures that the export has."""
    requests = {}
    for name in sorted(signatures.keys() & REQUESTS.keys()):
        rng, specs = np.random.default_rng(0), signatures[name].structured_input_signature[1]
        for batch in BATCHES:
            requests[name, f"batch_{batch}"] = REQUESTS[name](rng, batch, specs)
        if name in OF_FILES:
            refused = REQUESTS[name](rng, 3, specs)
            next(array for array in refused.values() if array.dtype == object)[1] = b"no image"
            requests[name, REFUSED] = refused
    return requests


def _run(program, export, directory, requests):
    """Writes the requests into the directory, in which the program answers them.

    It inherits `TF_ENABLE_ONEDNN_OPTS` from here, and so computes with the same kernels.
    """
    for (signature, case), inputs in requests.items():
        folder = directory / signature / case / "inputs"
        folder.mkdir(parents=True)
        for name, array in inputs.items():
            (folder / f"{name}.pb").write_bytes(tf.make_tensor_proto(array).SerializeToString())
    return subprocess.run(
        [str(program), str(export), str(directory)],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def _read(case):
    files = (case / "outputs").glob("*.pb")
    return {file.stem: tf.make_ndarray(TensorProto.FromString(file.read_bytes())) for file in files}


def _assert_same(given, expected):
    assert given.keys() == expected.keys()
    for name, value in expected.items():
        assert (given[name].dtype, given[name].shape) == (value.dtype, value.shape), name
        if value.dtype.kind == "f":
            np.testing.assert_allclose(given[name], value, rtol=0, atol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(given[name], value, err_msg=name)


def _ask_python(export, signatures, signature, sent):
    # Python demands every input; a server, and the C++ program, take the rest from the signature.
    meta_graph = SavedModel.FromString((export / "saved_model.pb").read_bytes()).meta_graphs[0]
    defaults = meta_graph.signature_def[signature].defaults
    sent = {name: tf.make_ndarray(value) for name, value in defaults.items()} | sent
    with tf.device("CPU"):  # as in C++, so that the same kernels compute both answers
        answer = signatures[signature](**{name: tf.constant(array) for name, array in sent.items()})
    return {name: value.numpy() for name, value in answer.items()}


@pytest.fixture(scope="module")
def answers(program, export, requests, tmp_path_factory):
    """The directory with all answers."""
    directory = tmp_path_factory.mktemp("requests")
    finished = _run(program, export, directory, requests)
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout.splitlines()) == len(requests)
    return directory


def test_requests_exist_for_every_signature(signatures):
    assert signatures.keys() <= REQUESTS.keys()


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("signature", sorted(REQUESTS))
def test_answers_are_those_of_python(signature, batch, export, signatures, requests, answers):
    if signature not in signatures:
        pytest.skip(f"{export} has no signature {signature}")
    sent = requests[signature, f"batch_{batch}"]
    expected = _ask_python(export, signatures, signature, sent)
    assert all(len(value) == batch for value in expected.values())
    _assert_same(_read(answers / signature / f"batch_{batch}"), expected)


@pytest.mark.parametrize("signature", OF_FILES)
def test_bytes_that_are_no_image_are_refused(signature, export, signatures, requests, answers):
    """The test above sees that the good request after it is answered."""
    if signature not in signatures:
        pytest.skip(f"{export} has no signature {signature}")
    (file,) = (answers / signature / REFUSED / "outputs").iterdir()
    code, message, *_ = file.read_text().splitlines()
    assert (file.name, code) == ("error.txt", "INVALID_ARGUMENT")
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(message)):
        _ask_python(export, signatures, signature, requests[signature, REFUSED])


def test_missing_input_is_the_default_of_the_signature(program, export, requests, answers, tmp_path):
    case = ("serving_default", "batch_1")
    sent = dict(requests[case])
    name, default = sent.popitem()
    saved_model = SavedModel.FromString((export / "saved_model.pb").read_bytes())
    signature = saved_model.meta_graphs[0].signature_def[case[0]]
    signature.defaults[name].CopyFrom(tf.make_tensor_proto(default))
    with_default = shutil.copytree(export, tmp_path / "export")
    (with_default / "saved_model.pb").write_bytes(saved_model.SerializeToString())
    finished = _run(program, with_default, tmp_path / "requests", {case: sent})
    assert finished.returncode == 0, finished.stderr
    _assert_same(_read(tmp_path / "requests" / Path(*case)), _read(answers / Path(*case)))


def test_missing_input_without_default_ends_the_program(program, export, requests, tmp_path):
    case = ("serving_default", "batch_1")
    sent = dict(requests[case])
    name, _ = sent.popitem()
    finished = _run(program, export, tmp_path, {case: sent})
    assert finished.returncode == 1
    assert f"{name}.pb, as the input has no default. Received: no such file." in finished.stderr
