"""The client against a server that answers, is slow, breaks off and refuses, over REST and gRPC."""

import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parent))
from predict_server import PredictServer, Relay

from dualatme_keras.errors import DualATMEError
from dualatme_keras.serving import transports
from dualatme_keras.serving.client import Client, RequestRefused, ServerUnavailable
from dualatme_keras.video import image_file

BATCH = 7
SIGNATURES = ("serving_default", "serve_images")
both = pytest.mark.parametrize("transport", ["rest", "grpc"])

# Argument 1: address, 2: file of an image. A process where only NumPy and requests are installed.
WITHOUT_TENSORFLOW = """
import json, pathlib, sys
for name in ("tensorflow", "keras", "grpc", "google", "tensorflow_serving"):
    sys.modules[name] = None  # importing it would fail
from dualatme_keras.serving.client import Client
image = pathlib.Path(sys.argv[2]).read_bytes()
with Client(sys.argv[1]) as client:
    client.wait_until_ready()
    answers = client.predict({"entire_bytes": [image], "puzzled_bytes": [image]}, "serve_images")
try:
    Client("grpc://127.0.0.1:8500")
except ValueError as error:
    print(json.dumps({"label": answers["label"].tolist(), "grpc": str(error)}))
"""


@pytest.fixture(scope="module")
def inputs():
    """Inputs of both signatures, by signature."""
    rng = np.random.default_rng(0)

    def png(size):
        return image_file(rng.integers(0, 256, (*size, 3), dtype="uint8"))

    names = ("entire", "puzzled")
    tensors = {name: rng.uniform(-1, 1, (BATCH, 28, 28, 3)).astype("float32") for name in names}
    files = {f"{name}_bytes": [png((28 + n, 40)) for n in range(BATCH)] for name in names}
    return {"serving_default": tensors, "serve_images": files}


@pytest.fixture(scope="module")
def expected(running, inputs):
    """Plain TensorFlow's answers for the whole batch, by signature."""
    answers = {}
    for name in SIGNATURES:
        tensors = {key: tf.constant(value) for key, value in inputs[name].items()}
        answers[name] = {
            key: value.numpy() for key, value in running.loaded.signatures[name](**tensors).items()
        }
    return answers


@pytest.fixture
def connect(server):
    """Makes clients of the server that hardly pause; they are closed after the test."""
    clients = []

    def new_client(transport, **options):
        options = {"backoff": 0.01, "batch_size": 3, **options}
        clients.append(Client({"rest": server.rest_url, "grpc": server.grpc_url}[transport], **options))
        return clients[-1]

    yield new_client
    for client in clients:
        client.close()


@pytest.fixture
def one(inputs):
    """One item, for `serving_default`."""
    return {name: array[:1] for name, array in inputs["serving_default"].items()}


@pytest.fixture
def deserted():
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@both
@pytest.mark.parametrize("signature", SIGNATURES)
def test_answers_are_tensorflows_in_order(transport, signature, connect, server, inputs, expected):
    answers = connect(transport).predict(inputs[signature], signature)
    assert server.requests == 3  # parts of 3, 3 and 1
    assert answers.keys() == expected[signature].keys()
    probabilities = expected[signature]["probabilities"]
    distinct = np.abs(probabilities - np.roll(probabilities, 3, axis=0)).max(axis=1)
    assert distinct.min() > 1e-5  # another order would show
    for name, wanted in expected[signature].items():
        if wanted.dtype == object:
            wanted = np.array([item.decode() for item in wanted])
        assert answers[name].dtype == wanted.dtype
        if wanted.dtype.kind == "f":
            np.testing.assert_allclose(answers[name], wanted, atol=1e-6)
        else:
            np.testing.assert_array_equal(answers[name], wanted)


def test_transports_agree(connect, inputs):
    rest, grpc = (
        connect(transport).predict(inputs["serve_images"], "serve_images") for transport in ("rest", "grpc")
    )
    assert rest.keys() == grpc.keys()
    for name in rest:
        np.testing.assert_array_equal(rest[name], grpc[name], strict=True)


class Odd(tf.Module):
    """Outputs in types that the network does not have, and one that has no name over REST."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "data")])
    def echo(self, data):
        return {"same_bytes": data}

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.int64, "number")])
    def types(self, number):
        return {
            "double": tf.cast(number, tf.float64) / 3,
            "small_bytes": tf.cast(number, tf.int32),
            "odd": number % 2 == 1,
            "text": tf.strings.as_string(number) + " ü",
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.float32, "number"),
            tf.TensorSpec((1,), tf.float32, "more"),
        ]
    )
    def plus(self, number, more=tf.constant([2.0])):  # noqa: B008
        return {"sum": number + more}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "number")])
    def mean(self, number):
        return {"mean": tf.reduce_mean(number)}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    path, module = tmp_path_factory.mktemp("odd"), Odd()
    signatures = {name: getattr(module, name) for name in ("echo", "types", "plus", "mean")}
    tf.saved_model.save(module, str(path), signatures)
    with PredictServer(path, "odd") as server:
        yield server


@both
def test_types_of_answers(transport, odd):
    data = [b"\xff\x00", b"", b"\x00" * 3]  # ends in zeros, which NumPy's own bytes would lose
    with Client({"rest": odd.rest_url, "grpc": odd.grpc_url}[transport], "odd", version=1) as client:
        assert client.predict({"data": data}, "echo")["same_bytes"].tolist() == data
        answers = client.predict({"number": [[1, 2], [3, 4]]}, "types")
        with pytest.raises(RequestRefused, match=r"2 of each output. Received: 'mean' of shape \(\)"):
            client.predict({"number": [1.0, 2.0]}, "mean")
    assert {name: array.dtype.str for name, array in answers.items()} == {
        "double": "<f4",
        "small_bytes": "<i8",
        "odd": "|b1",
        "text": "<U3",
    }
    np.testing.assert_array_equal(answers["double"], np.float32([[1, 2], [3, 4]]) / 3)
    assert answers["text"].tolist() == [["1 ü", "2 ü"], ["3 ü", "4 ü"]]


def test_default_inputs_are_for_grpc(odd):
    with Client(odd.grpc_url, "odd") as client:
        assert client.predict({"number": [1.0, 2.0]}, "plus")["sum"].tolist() == [3.0, 4.0]
    with (
        Client(odd.rest_url, "odd") as client,
        pytest.raises(RequestRefused, match="Missing named input: more"),
    ):
        client.predict({"number": [1.0, 2.0]}, "plus")


@both
def test_slow_answer_is_asked_for_again(transport, connect, server, one):
    client = connect(transport)
    client.predict(one)  # TensorFlow's first answer is a slow one by itself
    client.timeout = 1.5
    server.faults.append(("slow", 6))
    start = time.monotonic()
    assert client.predict(one)["label"].shape == (1,)
    assert server.requests == 3
    assert time.monotonic() - start < 6


@both
@pytest.mark.parametrize("fault", ["close", "cut", "unavailable"])
def test_transient_faults_are_survived(fault, transport, connect, server, inputs, expected):
    server.faults += [(None,), (fault,), (fault,)]  # the second part of three
    answers = connect(transport).predict(inputs["serving_default"])
    assert server.requests == 5
    np.testing.assert_array_equal(answers["class_id"], expected["serving_default"]["class_id"])


@both
def test_refused_at_once(transport, connect, server, inputs):
    server.faults += [(None,), ("invalid",)]
    with pytest.raises(RequestRefused, match="'serving_default'.* items 3 to 5.*told to refuse") as caught:
        connect(transport).predict(inputs["serving_default"])
    assert server.requests == 2
    assert caught.value.items == range(3, 6)


@both
def test_gives_up(transport, connect, server, one):
    server.faults += [("unavailable",)] * 3 + [("invalid",)]
    with pytest.raises(ServerUnavailable, match="127.0.0.1.* 3 tries.*told to be unavailable.*Check that"):
        connect(transport, retries=2).predict(one)
    assert server.requests == 3


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_nobody_listens(scheme, deserted, one):
    url = f"{scheme}://127.0.0.1:{deserted}"
    with Client(url, retries=1, backoff=0.01) as client:
        with pytest.raises(ServerUnavailable, match=f"{url}.* 2 tries.*[Rr]efused"):
            client.predict(one)
        with pytest.raises(ServerUnavailable, match="AVAILABLE within 0.1 seconds.*[Rr]efused"):
            client.wait_until_ready(0.1)


@pytest.mark.parametrize(("scheme", "url"), [("http", "rest_url"), ("grpc", "grpc_url")])
def test_server_that_comes_up_later(scheme, url, deserted, server, one):
    relays = []

    def come_up():
        relays.append(Relay(int(getattr(server, url).rsplit(":", 1)[1]), deserted))
        relays[0].serve_forever(0.05)

    timer = threading.Timer(0.3, come_up)
    timer.daemon = True
    with Client(f"{scheme}://127.0.0.1:{deserted}", backoff=0.1, retries=6) as client:
        timer.start()
        assert client.predict(one)["label"].shape == (1,)
    assert server.requests == 1
    relays[0].shutdown()
    relays[0].server_close()


def test_pauses_double_and_vary(monkeypatch, connect, server, one):
    pauses = []
    monkeypatch.setattr("dualatme_keras.serving.client.time.sleep", pauses.append)
    server.faults += [("unavailable",)] * 8
    for _ in range(2):
        with pytest.raises(ServerUnavailable):
            connect("rest", backoff=0.2, retries=3).predict(one)
    assert len(pauses) == 6
    assert all(0.5 <= pause / base <= 1.5 for pause, base in zip(pauses, [0.2, 0.4, 0.8] * 2, strict=True))
    assert pauses[:3] != pauses[3:]


@both
def test_server_goes_on_after_bad_bytes(transport, connect, inputs):
    client = connect(transport)
    files = {
        name: [*values[:4], b"not an image", *values[5:]] for name, values in inputs["serve_images"].items()
    }
    with pytest.raises(RequestRefused, match="(?s)'serve_images'.* items 3 to 5.*[Ii]mage") as caught:
        client.predict(files, "serve_images")
    assert caught.value.items == range(3, 6)
    assert len(client.predict(inputs["serve_images"], "serve_images")["label"]) == BATCH


@both
@pytest.mark.parametrize(
    ("options", "signature", "change", "message"),
    [
        ({"model": "other"}, "serving_default", {}, "Servable not found for request: Latest.other"),
        ({"version": 9}, "serving_default", {}, "Servable not found for request: Specific.dualatme, 9"),
        ({}, "serve_sounds", {}, "serve_sounds.* not found"),
        ({}, "serving_default", {"sound": [0.0]}, "sound"),
        ({}, "serving_default", {"entire": None}, "[Mm]issing.*entire"),
        ({}, "serving_default", {"entire": [b"bytes"]}, "float"),
        ({}, "serving_default", {"entire": np.zeros((1, 2, 2, 3))}, "Expected size|[Dd]imension|shape"),
    ],
)
def test_wrong_requests_are_refused(options, signature, change, message, transport, connect, server, one):
    sent = {name: value for name, value in {**one, **change}.items() if value is not None}
    with pytest.raises(RequestRefused, match=f"(?s){message}"):
        connect(transport, **options).predict(sent, signature)
    assert server.requests == 1


def test_message_too_large_is_refused(monkeypatch, connect, server, inputs):
    monkeypatch.setattr(transports, "MAX_MESSAGE_BYTES", 1000)
    with pytest.raises(RequestRefused, match="larger than max"):
        connect("grpc").predict(inputs["serving_default"])
    assert server.requests == 0


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "mapping"),
        ([1.0], "mapping"),
        ({"a": [1.0, 2.0], "b": [1.0]}, "2 in 'a', 1 in 'b'"),
        ({"a": []}, "input 'a'.*shape"),
        ({"a": 1.0}, "input 'a'.*shape"),
        ({"a": [1.0, 2.0], "b": [[0.0, 1.0], [2.0, np.nan]]}, "finite.*'b'.*nan.* in item 1"),
        ({"a": [0.0, 1.0, -np.inf]}, "finite.*'a'.*inf.* in item 2"),
        ({"a": [0.0, 1e300]}, "finite.*'a'.*inf.* in item 1"),
        ({"a": [[1.0, 2.0], [3.0]]}, "one shape in input 'a'"),
        ({"a": [b"x", "y.png"]}, "bytes.*'a'.*y.png.* in item 1.*read_bytes"),
        ({"a": ["x.png", "y.png"]}, "bytes.*'a'.*x.png.* in item 0"),
        ({"a": [1.0, None]}, "bytes.*'a'"),
        ({"a": [1j]}, "bytes.*'a'.*1j"),
    ],
)
def test_inputs_are_checked_before_sending(inputs, message, connect, server):
    with pytest.raises(DualATMEError, match=f"^Expected.*{message}") as caught:
        connect("rest").predict(inputs)
    assert type(caught.value) is DualATMEError
    assert server.requests == 0


@both
def test_waits_until_ready(transport, connect, server):
    server.status_faults += [("loading",), ("unavailable",)]
    connect(transport).wait_until_ready(30)
    assert server.status_requests == 3
    connect(transport, version=1).wait_until_ready(0.1)


@both
@pytest.mark.parametrize(
    ("options", "state"),
    [({}, "version 1 LOADING"), ({"model": "other"}, "Could not find any versions of model other"),
     ({"version": 9}, "Could not find version 9 of model dualatme")],
)  # fmt: skip
def test_is_not_ready_in_time(options, state, transport, connect, server):
    server.status_faults += [("loading",)] * 3
    with pytest.raises(ServerUnavailable, match=f"AVAILABLE within 0.7 seconds. Received: .*{state}"):
        connect(transport, **options).wait_until_ready(0.7)
    assert server.status_requests == 2


@pytest.mark.parametrize(
    "url",
    ["localhost:8501", "ftp://localhost:1", "http://", "grpc://localhost", "http://localhost:x", "http://a:1/?b",
     "grpc://localhost:8500/path", ""],
)  # fmt: skip
def test_form_of_address(url):
    with pytest.raises(DualATMEError, match="Expected http://HOST:8501 .*grpcs://HOST:8500") as caught:
        Client(url)
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize("setting", [{"timeout": 0}, {"retries": -1}, {"backoff": -0.1}, {"batch_size": 0}])
def test_settings(setting):
    (name,) = setting
    with pytest.raises(DualATMEError, match=f"Expected {name} .*Received: {setting[name]}"):
        Client("http://localhost:8501", **setting)


def test_lowest_settings():
    with Client("http://localhost:1", timeout=1e-3, retries=0, backoff=0, batch_size=1) as client:
        assert (client.retries, client.backoff, client.batch_size) == (0, 0, 1)


@pytest.mark.parametrize(("url", "scheme"), [("rest_url", "grpc"), ("grpc_url", "http")])
def test_port_of_the_other_kind(url, scheme, server, one):
    address = f"{scheme}://{getattr(server, url).split('//')[1]}"
    told = pytest.raises(ServerUnavailable, match="port is the one for this kind of address")
    with Client(address, retries=1, backoff=0.01, timeout=2) as client, told:
        client.predict(one)


def test_another_http_server(one):
    other = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # answers in HTML that it cannot
    threading.Thread(target=other.serve_forever, args=(0.05,), daemon=True).start()
    with other, Client(f"http://127.0.0.1:{other.server_port}") as client:
        with pytest.raises(RequestRefused, match="(?s)HTTP 501: .*Unsupported method"):
            client.predict(one)
        other.shutdown()


class Told(BaseHTTPRequestHandler):
    """Answers with the status and the content that the server is set to."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        status, content = self.server.told
        self.server.asked += 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def told():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    with server:
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "content", "tries"),
    [
        *((status, b"{}", 2) for status in (429, 502, 503, 504)),
        *((status, b"{}", 1) for status in (400, 404, 408, 428, 430, 500, 501, 505)),
        (200, b"{}", 1),
        (200, b"[1]", 1),
        (200, b"text", 1),
        (201, b'{"outputs": {"label": [1]}}', 1),
    ],
)
def test_which_answers_are_asked_for_again(status, content, tries, told, one):
    told.told, told.asked = (status, content), 0
    kind = ServerUnavailable if tries > 1 else RequestRefused
    refused = pytest.raises(kind, match=f"HTTP {status}: ")
    with Client(f"http://127.0.0.1:{told.server_port}", retries=1, backoff=0.0) as client, refused:
        client.predict(one)
    assert told.asked == tries


def test_rest_needs_neither_tensorflow_nor_grpc(server, inputs, tmp_path):
    (tmp_path / "image.png").write_bytes(inputs["serve_images"]["entire_bytes"][0])
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, server.rest_url, str(tmp_path / "image.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["label"][0] in ("negative", "positive", "surprise")
    assert "pip install 'dualatme-keras[serving]'" in told["grpc"]
