"""TensorFlow Serving's Predict and model status APIs, one request at a time, over REST or gRPC.

Both transports have the methods `predict`, `states` and `close`. What one needs is imported when it is made,
so REST works without TensorFlow, gRPC and TensorFlow Serving's API. `Client` checks, divides and repeats.
"""

import base64
import importlib
import json
from urllib.parse import quote, urlsplit

import numpy as np

from dualatme_keras.errors import DualATMEError

MAX_MESSAGE_BYTES = 64 * 2**20
"""Largest gRPC message, either way; gRPC's own limit for an answer is 4 MiB."""

AVAILABLE = "AVAILABLE"
"""State of a version that answers; the others are START, LOADING, UNLOADING and END."""


class Transient(Exception):
    """The server is down, busy or slow: the same request may succeed later."""


class Refusal(Exception):
    """The server's reason for not doing this, however often it is asked."""


def open_transport(url: str, model: str, version: int | None):
    """Returns the transport for the form of a server's address.

    Args:
        url: `http://HOST:PORT` or `https://HOST:PORT` for REST, `grpc://HOST:PORT` or `grpcs://HOST:PORT` for
            gRPC.
        model: name under which the server has the model.
        version: version to ask; the server's choice, which is the latest, by default.

    Raises:
        DualATMEError: the address has another form, or a package that the transport needs is missing.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is no number, an open bracket
        host = None
    if host and not parts.query and not parts.fragment:
        if parts.scheme in ("http", "https"):
            return RestTransport(url, model, version)
        if parts.scheme in ("grpc", "grpcs") and port and parts.path in ("", "/"):
            return GrpcTransport(parts.netloc, parts.scheme == "grpcs", model, version)
    raise DualATMEError(
        "Expected http://HOST:8501 or https://HOST:8501 for REST, grpc://HOST:8500 or grpcs://HOST:8500 for "
        f"gRPC. Received: {url!r}. Give the server's address in one of these forms."
    )


class RestTransport:
    """Requests in JSON, in the columnar format, over one `requests.Session`."""

    BUSY = (429, 502, 503, 504)

    def __init__(self, url: str, model: str, version: int | None):
        self._requests = _import("requests")
        self._session = self._requests.Session()
        self._address = f"{url.rstrip('/')}/v1/models/{quote(model, safe='')}"
        if version is not None:
            self._address += f"/versions/{version}"
        self._only_outputs = {}  # by signature, where an answer does not name its output

    def predict(self, inputs: dict, signature: str, timeout: float) -> dict[str, np.ndarray]:
        """Answers of one request.

        Args:
            inputs: arrays of numbers, or of dtype object with bytes, by name of the input.
            signature: name of the signature.
            timeout: longest wait in seconds for a connection, and then for the next bytes of the answer.

        Returns:
            Arrays by name of the output: float32, int64, bool, str, or, under a name that ends in `_bytes`,
            dtype object with bytes.

        Raises:
            Transient: the server may answer later.
            Refusal: the server will not.
        """
        columns = {name: _to_json(array) for name, array in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": columns}).encode()
        outputs = self._ask("POST", self._address + ":predict", "outputs", timeout, body)
        if not isinstance(outputs, dict):
            outputs = {self._only_output(signature, timeout): outputs}
        return {name: _answer(name, _from_json(values)) for name, values in outputs.items()}

    def states(self, timeout: float) -> dict[int, tuple[str, str]]:
        """State and error message of each version; raises as `predict` does."""
        versions = self._ask("GET", self._address, "model_version_status", timeout)
        return {
            int(entry["version"]): (entry["state"], entry.get("status", {}).get("error_message", ""))
            for entry in versions
        }

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def _only_output(self, signature, timeout):
        if signature not in self._only_outputs:
            metadata = self._ask("GET", self._address + "/metadata", "metadata", timeout)
            outputs = metadata["signature_def"]["signature_def"][signature]["outputs"]
            (self._only_outputs[signature],) = outputs
        return self._only_outputs[signature]

    def _ask(self, method, address, key, timeout, body=None):
        headers = {"Content-Type": "application/json"}
        try:
            response = self._session.request(method, address, data=body, headers=headers, timeout=timeout)
        except (
            self._requests.exceptions.ConnectionError,
            self._requests.exceptions.Timeout,
            self._requests.exceptions.ChunkedEncodingError,  # closed in the middle of the answer
        ) as error:
            raise Transient(str(error)) from error
        except self._requests.exceptions.RequestException as error:
            raise Refusal(str(error)) from error
        answer = _parsed(response.content)
        if response.status_code == 200 and key in answer:
            return answer[key]
        reason = f"HTTP {response.status_code}: {answer.get('error', response.text[:300])}"
        raise Transient(reason) if response.status_code in self.BUSY else Refusal(reason)


class GrpcTransport:
    """Requests in protocol buffers over one channel."""

    def __init__(self, target: str, secure: bool, model: str, version: int | None):
        self._grpc = _import("grpc")
        self._tensorflow = _import("tensorflow")
        self._predict_pb2 = _import("tensorflow_serving.apis.predict_pb2")
        self._status_pb2 = _import("tensorflow_serving.apis.get_model_status_pb2")
        prediction = _import("tensorflow_serving.apis.prediction_service_pb2_grpc")
        status = _import("tensorflow_serving.apis.model_service_pb2_grpc")
        options = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            # `Client` repeats; a channel that waits longer than it between connections would fail its tries.
            ("grpc.enable_retries", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
        if secure:
            credentials = self._grpc.ssl_channel_credentials()
            self._channel = self._grpc.secure_channel(target, credentials, options)
        else:
            self._channel = self._grpc.insecure_channel(target, options)
        self._prediction = prediction.PredictionServiceStub(self._channel)
        self._status = status.ModelServiceStub(self._channel)
        self._model, self._version = model, version

    def predict(self, inputs: dict, signature: str, timeout: float) -> dict[str, np.ndarray]:
        """As `RestTransport.predict`; `timeout` is for the whole request."""
        request = self._addressed(self._predict_pb2.PredictRequest())
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(self._tensorflow.make_tensor_proto(array))
        outputs = self._ask(self._prediction.Predict, request, timeout).outputs
        return {name: _answer(name, self._tensorflow.make_ndarray(outputs[name])) for name in outputs}

    def states(self, timeout: float) -> dict[int, tuple[str, str]]:
        """As `RestTransport.states`."""
        request = self._addressed(self._status_pb2.GetModelStatusRequest())
        name_of = self._status_pb2.ModelVersionStatus.State.Name
        return {
            entry.version: (name_of(entry.state), entry.status.error_message)
            for entry in self._ask(self._status.GetModelStatus, request, timeout).model_version_status
        }

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def _addressed(self, request):
        request.model_spec.name = self._model
        if self._version is not None:
            request.model_spec.version.value = self._version
        return request

    def _ask(self, method, request, timeout):
        codes = self._grpc.StatusCode
        try:
            return method(request, timeout=timeout)
        except self._grpc.RpcError as error:
            code, reason = error.code(), f"{error.code().name}: {error.details()}"
            busy = code in (codes.UNAVAILABLE, codes.RESOURCE_EXHAUSTED, codes.DEADLINE_EXCEEDED)
            if busy and "larger than max" not in reason:  # a message too large stays so
                raise Transient(reason) from error
            raise Refusal(reason) from error


def _import(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DualATMEError(
            f"Expected the package of {name}, which this kind of address needs. Received: {error}. "
            "Install it by `pip install 'dualatme-keras[serving]'`."
        ) from error


def _parsed(content):
    """The JSON object of an answer; an empty one for what a proxy or another server sent instead."""
    try:
        answer = json.loads(content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _to_json(array):
    if array.dtype == object:
        encode = np.frompyfunc(lambda item: {"b64": base64.b64encode(item).decode("ascii")}, 1, 1)
        array = encode(array)
    return array.tolist()


def _from_json(values):
    if isinstance(values, list):
        return [_from_json(value) for value in values]
    return base64.b64decode(values["b64"]) if isinstance(values, dict) else values


def _answer(name, values):
    """An output in the dtype that both transports give it: JSON knows no widths of numbers, and no bytes."""
    if name.endswith("_bytes"):
        array = np.array(values, dtype=object)
        if all(isinstance(item, bytes) for item in array.flat):  # a number of bytes can have such a name too
            return array
    array = np.asarray(values)
    if array.dtype == object:  # gRPC's strings
        array = np.array([item.decode() for item in array.flat]).reshape(array.shape)
    return array.astype({"f": np.float32, "i": np.int64, "u": np.int64}.get(array.dtype.kind, array.dtype))
