"""The network for other runtimes, by Keras's own export; what it answers is compared before it is kept."""

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import writing
from dualatme_keras.models import DualATME, prediction_model
from dualatme_keras.serving.signatures import example_inputs

TOLERANCE = 1e-4
"""Largest difference of a probability or similarity from those of the network in float32."""


class Converter(NamedTuple):
    """A format.

    Attributes:
        format: Keras's name of it.
        suffix: of its files.
        packages: that are imported.
        run: `run(path, inputs)` gives the answers of a file, by name of the output or in any order.
        first_keras: first version of Keras that writes it.
    """

    format: str
    suffix: str
    packages: tuple[str, ...]
    run: Callable
    first_keras: tuple[int, int] = (3, 12)

    def check_packages(self) -> None:
        """Raises `DualATMEError` where a package is missing or Keras too old."""
        if tuple(map(int, keras.__version__.split(".")[:2])) < self.first_keras:
            first = ".".join(map(str, self.first_keras))
            raise DualATMEError(
                f"Expected a Keras that writes {self.format}, {first} or newer, as there is from Python 3.11 "
                f"on. Received: Keras {keras.__version__}."
            )
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            raise DualATMEError(
                f"Expected the packages {', '.join(self.packages)} for {self.format}. Missing: "
                f"{', '.join(missing)}. pip install 'dualatme-keras[formats]'."
            )

    def convert(self, model: DualATME) -> bytes:
        """The network in float32 as a file with the inputs of `serving_default`, for any batch size.

        Raises:
            DualATMEError: it answers otherwise than the network.
        """
        # As few operations as it takes, and those that every runtime has.
        plain = DualATME.from_config({**model.get_config(), "implementation": "plain", "dtype": "float32"})
        plain.set_weights(model.get_weights())
        answering = prediction_model(plain)
        # The number of the largest probability is left out: Keras's argmax has operations ONNX does not.
        outputs = {name: output for name, output in answering.output.items() if name != "class_id"}
        answering = keras.Model(answering.input, outputs)
        specs = {
            tensor.name: keras.InputSpec(shape=tensor.shape, dtype="float32", name=tensor.name)
            for tensor in model.inputs
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"network{self.suffix}")
            with writing(path):
                answering.export(str(path), format=self.format, verbose=False, input_signature=[specs])
            for batch in (1, 5):
                self._compare(answering, path, example_inputs(model, "serving_default", batch))
            return path.read_bytes()

    def _compare(self, answering, path, inputs):
        expected = {name: np.asarray(value) for name, value in answering(inputs).items()}
        for name, value in self.run(path, inputs).items():
            error = float(np.abs(value.astype("float64") - expected[name]).max())
            if not error <= TOLERANCE:
                raise DualATMEError(
                    f"Expected {self.format} to answer as the network does, within {TOLERANCE}. "
                    f"Received: {name} that differs by {error:.2g}."
                )


def _run_onnx(path, inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def _run_litert(path, inputs):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(str(path)).get_signature_runner()(**inputs)


CONVERTERS = {
    "onnx": Converter("onnx", ".onnx", ("tf2onnx", "onnx", "onnxruntime"), _run_onnx),
    "litert": Converter("litert", ".tflite", ("ai_edge_litert",), _run_litert, first_keras=(3, 13)),
}
