"""A client of TensorFlow Serving's public Predict API, over REST or gRPC."""

import random
import time
from collections.abc import Mapping

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.serving.transports import AVAILABLE, Refusal, Transient, open_transport

_POLL_SECONDS = 0.5


class ServerUnavailable(DualATMEError):
    """The server is down, does not answer in time, or does not have the model ready."""


class RequestRefused(DualATMEError):
    """The server answered that it will not do this; sending the same again would not help.

    Attributes:
        items: `range` of the indices, in the batch given to `Client.predict`, that were in the request.
    """

    def __init__(self, message: str, items: range = range(0)):
        super().__init__(message)
        self.items = items


class Client:
    """Asks a model on a TensorFlow Serving server.

    Predicting changes nothing on the server, so a request is repeated where that may help: the connection
    was refused or lost, no answer came in time, or the server was busy (HTTP 429, 502, 503, 504; gRPC
    UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED). The pauses double, each varied at random by half, so
    that many clients do not come back at the same moment. What the server refuses is never repeated.

    A client is for one thread. It keeps its connection open: close it, or use it as a context manager.

    Args:
        url: `http://HOST:8501` or `https://HOST:8501` for REST, which needs neither TensorFlow nor gRPC, or
            `grpc://HOST:8500` or `grpcs://HOST:8500` for gRPC. `https` and `grpcs` encrypt, and check the
            server's certificate.
        model: name under which the server has the model.
        version: version to ask; the server's latest by default.
        timeout: longest wait for the answer to one try, in seconds. REST counts it for the connection, and
            then anew whenever bytes of the answer arrive.
        retries: tries after the first.
        backoff: pause before the second try, in seconds.
        batch_size: largest number of items in one request; larger batches are sent in parts. A server that
            joins requests refuses more than its own `max_batch_size`, 8 in the file beside an export.

    Raises:
        DualATMEError: a setting is out of range, the address has another form, or packages are missing.

    Example:

    ```python
    with Client("http://localhost:8501") as client:
        client.wait_until_ready()
        answers = client.predict(
            {"entire_bytes": [flow.read_bytes()], "puzzled_bytes": [puzzle.read_bytes()]},
            signature="serve_images",
        )
    answers["label"]  # array(['surprise'], dtype='<U8')
    ```
    """

    def __init__(
        self,
        url: str,
        model: str = "dualatme",
        version: int | None = None,
        timeout: float = 10.0,
        retries: int = 4,
        backoff: float = 0.2,
        batch_size: int = 8,
    ):
        for name, value, good in (
            ("timeout above 0 seconds", timeout, timeout > 0),
            ("retries of 0 or more", retries, retries >= 0),
            ("backoff of 0 seconds or more", backoff, backoff >= 0),
            ("batch_size of 1 or more", batch_size, batch_size >= 1),
        ):
            if not good:
                raise DualATMEError(f"Expected {name}. Received: {value}. Give a value in this range.")
        self.url = url
        self.model = model
        self.version = version
        self.timeout = timeout
        self.retries = retries
        self.backoff = backoff
        self.batch_size = batch_size
        self._transport = open_transport(url, model, version)

    def predict(self, inputs: dict, signature: str = "serving_default") -> dict[str, np.ndarray]:
        """Sends a batch, in parts of `batch_size`, and joins the answers in the order of the items.

        Args:
            inputs: array or list of numbers or bytes, by name of the input; the first axis is the batch,
                equally long in all. Floating-point numbers are sent as float32. Integers are sent as they
                are: over gRPC their dtype must be the signature's, over REST the server converts them. Over
                REST an input must be given even where the signature has a default for it.
            signature: name of the signature.

        Returns:
            Arrays of `(batch, ...)` by name of the output, the same from both transports: floating-point
            numbers as float32, integers as int64, strings as NumPy's (dtype `U`), and outputs whose names end
            in `_bytes`, which is how TensorFlow Serving tells bytes from text, as dtype object with bytes.

        Raises:
            DualATMEError: inputs are empty, not equally long, or have NaN, infinite numbers or text.
            ServerUnavailable: no answer after all tries.
            RequestRefused: the server refused a part; those after it were not sent.
        """
        arrays = as_arrays(inputs)
        batch = len(next(iter(arrays.values())))
        parts = []
        for first in range(0, batch, self.batch_size):
            items = range(first, min(first + self.batch_size, batch))
            part = {name: array[items.start : items.stop] for name, array in arrays.items()}
            parts.append(self._predict_part(part, signature, items))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Returns when the version, or any version if the client has none, is AVAILABLE.

        Args:
            timeout: longest wait in seconds.

        Raises:
            ServerUnavailable: it is not after that time; the message has the last state seen.
        """
        end = time.monotonic() + timeout
        while True:
            remaining = end - time.monotonic()
            try:
                states = self._transport.states(min(self.timeout, max(remaining, _POLL_SECONDS)))
            except (Transient, Refusal) as error:
                seen = str(error)
            else:
                if AVAILABLE in [state for state, _ in states.values()]:
                    return
                seen = ", ".join(f"version {n} {' '.join(state).strip()}" for n, state in states.items())
            if time.monotonic() + _POLL_SECONDS > end:
                raise ServerUnavailable(
                    f"Expected model {self.model!r} at {self.url} to be {AVAILABLE} within {timeout:g} "
                    f"seconds. Received: {seen}. Check the address, the model's name and version, and the "
                    "server's log."
                )
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Closes the connection."""
        self._transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _predict_part(self, part, signature, items):
        asked = (
            f"Expected an answer of signature {signature!r} of model {self.model!r} at {self.url} for "
            f"items {items.start} to {items.stop - 1}"
        )
        try:
            answers = self._repeated(lambda: self._transport.predict(part, signature, self.timeout))
        except Refusal as error:
            message = f"{asked}. Received: {error}. Correct these items, the signature or the model's name."
            raise RequestRefused(message, items) from error
        for name, array in answers.items():
            if array.shape[:1] != (len(items),):
                message = f"{asked}, {len(items)} of each output. Received: {name!r} of shape {array.shape}."
                raise RequestRefused(f"{message} Ask a signature with the batch on the first axis.", items)
        return answers

    def _repeated(self, send):
        tries = self.retries + 1
        for number in range(tries):
            if number:
                time.sleep(self.backoff * 2 ** (number - 1) * random.uniform(0.5, 1.5))
            try:
                return send()
            except Transient as error:
                last = error
        raise ServerUnavailable(
            f"Expected an answer from {self.url}. Received: none after {tries} tries, the last time because: "
            f"{last}. Check that the server runs, that the port is the one for this kind of address (REST "
            f"8501, gRPC 8500 by default), and that {self.timeout:g} seconds are enough for one request."
        ) from last


def as_arrays(inputs: Mapping) -> dict[str, np.ndarray]:
    """Inputs as they are sent, see `Client.predict`; raises `DualATMEError` as it does."""
    if not isinstance(inputs, Mapping) or not inputs:
        raise DualATMEError(
            f"Expected a mapping from names of inputs to arrays. Received: {inputs!r:.80}. "
            "Name each input as the signature does."
        )
    arrays = {name: _as_array(name, values) for name, values in inputs.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DualATMEError(
            "Expected as many items in each input. Received: "
            + ", ".join(f"{length} in {name!r}" for name, length in lengths.items())
            + ". Give each item every input."
        )
    return arrays


def _as_array(name, values):
    try:
        # Without the dtype, NumPy would pad all to the length of the longest, and cut zeros at the end.
        array = np.array(values, dtype=object) if _holds_bytes(values) else np.asarray(values)
    except ValueError as error:
        raise DualATMEError(
            f"Expected items of one shape in input {name!r}. Received: {error}. Bring them to the same shape."
        ) from error
    if array.ndim == 0 or len(array) == 0:
        raise DualATMEError(
            f"Expected one item or more in input {name!r}. Received: shape {array.shape}. "
            "Give an array or a list whose first axis is the batch."
        )
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and named below
            array = array.astype(np.float32)
        _check_items(
            name, array, np.isfinite(array), "finite numbers", "Prepare that item anew, or leave it out"
        )
    elif array.dtype.kind not in "iub":
        array = array.astype(object)
        good = np.frompyfunc(lambda item: isinstance(item, bytes), 1, 1)(array).astype(bool)
        _check_items(
            name, array, good, "numbers or bytes", "Give the content of files, as `Path.read_bytes` does"
        )
    return array


def _holds_bytes(values):
    while isinstance(values, (list, tuple)) and values:
        values = values[0]
    return isinstance(values, bytes)


def _check_items(name, array, good, expected, advice):
    good = good.reshape(len(array), -1)
    index = int(np.argmin(good.all(axis=1)))
    if not good[index].all():
        value = array.reshape(len(array), -1)[index, np.argmin(good[index])]
        raise DualATMEError(
            f"Expected {expected} in input {name!r}. Received: {value!r:.80} in item {index}. {advice}."
        )
