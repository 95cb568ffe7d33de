"""Requests that a server answers to itself before its first client comes."""

import tensorflow as tf

from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import DualATME
from dualatme_keras.serving.signatures import example_inputs

WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"
"""Where TensorFlow Serving looks for them, below the folder of a version."""


def write_warm_up(path, model: DualATME, signatures, model_name: str) -> None:
    """Writes one request for each signature: a TFRecord of `PredictionLog`.

    Raises:
        DualATMEError: the package with TensorFlow Serving's messages is not installed.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError as error:
        raise DualATMEError(
            f"Expected the package tensorflow-serving-api, for warm-up requests. Received: {error}. "
            "pip install 'dualatme-keras[serving]', or export without them (`warm_up=False`)."
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature in signatures:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            for name, values in example_inputs(model, signature).items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
