"""TensorFlow Serving's Predict and model status APIs, REST and gRPC, by a server that can be told to fail.

It stands in for `tensorflow_model_server` in tests: sockets on 127.0.0.1, the messages of the public API
(https://www.tensorflow.org/tfx/serving/api_rest and `tensorflow_serving.apis`), the network run by plain
`tf.saved_model.load`.
"""

import base64
import contextlib
import json
import os
import re
import socket
import socketserver
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2
from tensorflow_serving.apis import model_service_pb2_grpc as model_service
from tensorflow_serving.apis import prediction_service_pb2_grpc as prediction_service

Code = grpc.StatusCode
HTTP_STATUS = {
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.NOT_FOUND: 404,
    Code.UNAVAILABLE: 503,
}
JSON_KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}  # NumPy kinds of JSON numbers that an input takes


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class PredictServer:
    """Serves one SavedModel until the context is left.

    `faults` are what happens to the next Predict requests, one each, `status_faults` to the next requests for
    the model's status:

    - `("slow", seconds)`: the answer comes late.
    - `("close",)`: the connection is closed without an answer.
    - `("cut",)`: it is closed in the middle of the answer (REST; as `close` with gRPC).
    - `("unavailable",)`, `("invalid",)`: 503 or UNAVAILABLE, 400 or INVALID_ARGUMENT.
    - `("loading",)`: the version is not ready yet (status only).
    - `(None,)`: none.

    Attributes:
        loaded: what `tf.saved_model.load` returned.
        rest_url, grpc_url: addresses, as `Client` takes them.
        turns: a semaphore; as many requests as there are processors are computed at a time, as
            `num_batch_threads` of TensorFlow Serving's batching bounds them, the others wait in a row.
        requests: number of Predict requests so far, those that failed included.
        status_requests: the same for the model's status.
    """

    def __init__(self, path, model="dualatme"):
        path = Path(path)
        self.model = model
        self.version = int(path.name) if path.name.isdigit() else 1
        self.loaded = tf.saved_model.load(str(path))
        meta_graph = SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]
        self.signatures = {name: meta_graph.signature_def[name] for name in self.loaded.signatures}
        self._lock = threading.Lock()
        self.turns = threading.Semaphore(os.cpu_count())
        self.reset()

    def reset(self):
        """Forgets faults and counts."""
        self.faults, self.status_faults = deque(), deque()
        self.requests = self.status_requests = 0

    def __enter__(self):
        self._grpc = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
        prediction_service.add_PredictionServiceServicer_to_server(_Prediction(self), self._grpc)
        model_service.add_ModelServiceServicer_to_server(_Status(self), self._grpc)
        self.relay = Relay(self._grpc.add_insecure_port("127.0.0.1:0"))
        self._rest = ThreadingHTTPServer(("127.0.0.1", 0), _RestHandler)
        self._rest.owner = self
        self._grpc.start()
        for server in (self.relay, self._rest):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.rest_url = f"http://127.0.0.1:{self._rest.server_port}"
        self.grpc_url = f"grpc://127.0.0.1:{self.relay.server_address[1]}"
        return self

    def __exit__(self, *exception):
        for server in (self.relay, self._rest):
            server.shutdown()
            server.server_close()
        self.relay.drop()
        self._grpc.stop(None).wait()

    def take_fault(self, status=False):
        """Counts a request and returns the kind of its fault, or None; waits or raises where that is it."""
        with self._lock:
            if status:
                self.status_requests += 1
            else:
                self.requests += 1
            queue = self.status_faults if status else self.faults
            kind, *seconds = queue.popleft() if queue else (None,)
        if kind == "slow":
            time.sleep(*seconds)
        if kind == "unavailable":
            raise Refused(Code.UNAVAILABLE, "told to be unavailable")
        if kind == "invalid":
            raise Refused(Code.INVALID_ARGUMENT, "told to refuse")
        return kind

    def check_model(self, name, version, status=False):
        """Refuses the name or version of a model that is not here; `version` is None for the latest."""
        if name == self.model and version in (None, self.version):
            return
        if status:
            missing = "any versions" if version is None else f"version {version}"
            raise Refused(Code.NOT_FOUND, f"Could not find {missing} of model {name}")
        wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        raise Refused(Code.NOT_FOUND, f"Servable not found for request: {wanted}")

    def run(self, signature, inputs):
        """Outputs of a signature for NumPy arrays, by name; refuses what TensorFlow Serving refuses."""
        definition = self.signatures[signature]
        inputs = {name: tf.make_ndarray(value) for name, value in definition.defaults.items()} | inputs
        extra, missing = inputs.keys() - definition.inputs.keys(), definition.inputs.keys() - inputs.keys()
        if extra or missing:
            raise Refused(
                Code.INVALID_ARGUMENT,
                f"input size does not match signature: Sent extra: {{{','.join(sorted(extra))}}}. "
                f"Missing but required: {{{','.join(sorted(missing))}}}.",
            )
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        for name, tensor in tensors.items():
            expected = tf.as_dtype(definition.inputs[name].dtype)
            if tensor.dtype != expected:
                message = f"Expects {name} to be {expected.name} but {tensor.dtype.name} is provided"
                raise Refused(Code.INVALID_ARGUMENT, message)
        try:
            with self.turns:
                outputs = self.loaded.signatures[signature](**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise Refused(Code.INVALID_ARGUMENT, error.message) from error
        return {name: value.numpy() for name, value in outputs.items()}


class _RestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open, as TensorFlow Serving's do
    MODEL = r"/v1/models/([^/:]+)(?:/versions/(\d+))?"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self._predict, self.MODEL + ":predict", body)

    def do_GET(self):
        if self.path.endswith("/metadata"):
            self._answer(self._metadata, self.MODEL + "/metadata")
        else:
            self._answer(self._status, self.MODEL)

    def log_message(self, *arguments):
        """Nothing: a test's output is its own."""

    def _answer(self, method, pattern, *arguments):
        try:
            matched = re.fullmatch(pattern, self.path)
            if not matched:
                raise Refused(Code.INVALID_ARGUMENT, f"Malformed request: {self.command} {self.path}")
            name, version = matched.groups()
            kind, answer = method(name, version and int(version), *arguments)
            status = 200
        except Refused as error:
            kind, answer, status = None, {"error": str(error)}, HTTP_STATUS[error.code]
        if kind == "close":
            self.close_connection = True
            return
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        try:
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if kind == "cut" else content)
        except (BrokenPipeError, ConnectionResetError):  # the client no longer waits for a slow answer
            self.close_connection = True
        if kind == "cut":
            self.close_connection = True

    def _predict(self, name, version, body):
        server = self.server.owner
        kind = server.take_fault()
        server.check_model(name, version)
        request = json.loads(body)
        signature = request.get("signature_name") or "serving_default"
        if signature not in server.signatures:
            message = f'Serving signature name: "{signature}" not found in signature def'
            raise Refused(Code.INVALID_ARGUMENT, message)
        columns, expected = request["inputs"], server.signatures[signature].inputs
        for missing in expected.keys() - columns.keys():  # a default does not help here
            raise Refused(Code.INVALID_ARGUMENT, f"Missing named input: {missing} in 'inputs' object.")
        for extra in columns.keys() - expected.keys():
            raise Refused(Code.INVALID_ARGUMENT, f"Unknown named input: {extra} in 'inputs' object.")
        inputs = {name: _from_json(values, expected[name].dtype) for name, values in columns.items()}
        outputs = {name: _to_json(name, array) for name, array in server.run(signature, inputs).items()}
        return kind, {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}

    def _status(self, name, version):
        server = self.server.owner
        kind = server.take_fault(status=True)
        server.check_model(name, version, status=True)
        return kind, {
            "model_version_status": [
                {
                    "version": str(server.version),
                    "state": "LOADING" if kind == "loading" else "AVAILABLE",
                    "status": {"error_code": "OK", "error_message": ""},
                }
            ]
        }

    def _metadata(self, name, version):
        server = self.server.owner
        server.check_model(name, version)
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=server.signatures)
        fields = json_format.MessageToDict(signatures, preserving_proto_field_name=True)
        spec = {"name": name, "signature_name": "", "version": str(server.version)}
        return None, {"model_spec": spec, "metadata": {"signature_def": fields}}


def _from_json(values, dtype):
    dtype = tf.as_dtype(dtype)
    if dtype == tf.string:
        return np.array(_strings(values), dtype=object)
    try:
        array = np.array(values)
    except ValueError as error:
        raise Refused(Code.INVALID_ARGUMENT, "Encountered list at unexpected size") from error
    target = np.dtype(dtype.as_numpy_dtype)
    if array.dtype.kind not in JSON_KINDS[target.kind]:
        raise Refused(Code.INVALID_ARGUMENT, f"JSON Value is not of expected type: {dtype.name}")
    return array.astype(target)


def _strings(values):
    if isinstance(values, list):
        return [_strings(value) for value in values]
    if isinstance(values, dict) and values.keys() == {"b64"}:
        return base64.b64decode(values["b64"], validate=True)
    if isinstance(values, str):
        return values.encode()
    raise Refused(Code.INVALID_ARGUMENT, f"JSON Value: {values} is not of expected type: string")


def _to_json(name, array):
    if array.dtype != object:
        return array.tolist()
    if name.endswith("_bytes"):
        return np.frompyfunc(lambda item: {"b64": base64.b64encode(item).decode()}, 1, 1)(array).tolist()
    return np.frompyfunc(bytes.decode, 1, 1)(array).tolist()


class _Prediction(prediction_service.PredictionServiceServicer):
    def __init__(self, server):
        self._server = server

    def Predict(self, request, context):
        spec = request.model_spec
        signature = spec.signature_name or "serving_default"
        try:
            _drop_if_told(self._server, self._server.take_fault())
            self._server.check_model(spec.name, _version(spec))
            if signature not in self._server.signatures:
                raise Refused(Code.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.')
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            outputs = self._server.run(signature, inputs)
        except Refused as error:
            context.abort(error.code, str(error))
        response = predict_pb2.PredictResponse()
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(array))
        return response


class _Status(model_service.ModelServiceServicer):
    def __init__(self, server):
        self._server = server

    def GetModelStatus(self, request, context):
        try:
            kind = _drop_if_told(self._server, self._server.take_fault(status=True))
            self._server.check_model(request.model_spec.name, _version(request.model_spec), status=True)
        except Refused as error:
            context.abort(error.code, str(error))
        response = get_model_status_pb2.GetModelStatusResponse()
        state = "LOADING" if kind == "loading" else "AVAILABLE"
        response.model_version_status.add(version=self._server.version, state=state)
        return response


def _version(spec):
    return spec.version.value if spec.HasField("version") else None


def _drop_if_told(server, kind):
    if kind in ("close", "cut"):
        server.relay.drop()
    return kind


class Relay(socketserver.ThreadingTCPServer):
    """Passes bytes on to the port of a server, such as gRPC's, which itself cannot break a connection."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target, port=0):
        super().__init__(("127.0.0.1", port), _RelayHandler)
        self.target = target
        self.sockets = []

    def drop(self):
        """Closes all connections."""
        for end in self.sockets:
            _hang_up(end)
        self.sockets.clear()


class _RelayHandler(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.create_connection(("127.0.0.1", self.server.target)) as upstream:
            self.server.sockets += [self.request, upstream]
            threading.Thread(target=_pump, args=(upstream, self.request), daemon=True).start()
            _pump(self.request, upstream)


def _pump(source, target):
    with contextlib.suppress(OSError):  # one end hung up: the other is told
        while received := source.recv(65536):
            target.sendall(received)
    _hang_up(target)


def _hang_up(end):
    with contextlib.suppress(OSError):  # it was closed already
        end.shutdown(socket.SHUT_RDWR)
