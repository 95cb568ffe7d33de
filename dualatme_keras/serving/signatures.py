"""The graphs of an export: what a server can be asked, and how a request for each looks."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dualatme_keras.data import decode_image
from dualatme_keras.models import DualATME, flow_preprocessor, prediction_model
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.serving.encoded_images import check_counts, check_encoded
from dualatme_keras.serving.frames_graph import NO_LANDMARKS, FramesGraph

_LEAST_IMAGE = 4
"""Least side of a flow image in pixels."""


def new_signatures(
    model: DualATME, settings: PrepareSettings | None
) -> tuple[tf.Module, dict[str, Callable]]:
    """The network as `tf.saved_model.save` takes it.

    Args:
        model: the network.
        settings: for `serve_frames`; None leaves it out.

    Returns:
        What holds the variables, and the functions by name of the signature, see `export_saved_model`.
    """
    answering = prediction_model(model)
    holder = tf.Module()
    holder.weights = [weight.value for weight in answering.weights]
    names, size = [tensor.name for tensor in model.inputs], model.image_size
    # One function that all of them call: what a network answers is traced and written once.
    images = {name: tf.TensorSpec((None, size, size, 3), tf.float32, name=name) for name in names}
    answer = _function(_labelled(answering, model.class_names, model.action_units), [images])
    signatures = {
        "serving_default": _serve(answer, images),
        "serve_images": _serve_images(answer, names, size),
    }
    if settings is not None:
        signatures["serve_frames"] = _serve_frames(answer, names, size, settings)
    return holder, signatures


def _serve(answer, specs):
    def serve(*images):
        return answer(dict(zip(specs, images, strict=True)))

    return _function(serve, list(specs.values()))


def _serve_images(answer, names, size):
    def decode(files, name):
        def decode_item(item):
            return decode_image(check_encoded(files[item], _LEAST_IMAGE, name, item), size)

        image = tf.TensorSpec((size, size, 3), tf.float32)
        return tf.map_fn(decode_item, tf.range(tf.shape(files)[0]), fn_output_signature=image)

    def serve_images(*encoded):
        files = {f"{name}_bytes": files for name, files in zip(names, encoded, strict=True)}
        check_counts(**files)
        images = {name: decode(files[f"{name}_bytes"], f"{name}_bytes") for name in names}
        return answer(images)

    return _function(serve_images, [_string_spec(f"{name}_bytes") for name in names])


def _serve_frames(answer, names, size, settings):
    graph, flow_images = FramesGraph(settings), flow_preprocessor(settings)
    none = tf.constant(NO_LANDMARKS, shape=(0, 5, 2))

    def serve_frames(onset_bytes, apex_bytes, landmarks=none):
        images = flow_images(graph.faces(onset_bytes, apex_bytes, landmarks))
        # As images on disk are resized where a network takes smaller ones.
        inputs = {name: tf.image.resize(images[name], (size, size), antialias=True) for name in names}
        return answer(inputs)

    landmarks = tf.TensorSpec((None, 5, 2), tf.float32, name="landmarks")
    specs = [_string_spec("onset_bytes"), _string_spec("apex_bytes"), landmarks]
    return _function(serve_frames, specs)


def _function(graph, specs):
    # Without AutoGraph: nothing here branches in Python, and it would read all sources of what is called.
    return tf.function(graph, input_signature=specs, autograph=False)


def _string_spec(name):
    return tf.TensorSpec((None,), tf.string, name=name)


def _labelled(answering, class_names, action_units):
    def answer(images):
        answers = answering(images)
        answers["label"] = tf.gather(tf.constant(class_names), answers["class_id"])
        if action_units:  # a row for each clip, as servers join and part batches
            numbers = tf.constant([action_units], tf.int32)
            answers["action_unit_numbers"] = tf.repeat(numbers, tf.shape(answers["class_id"])[0], axis=0)
        return answers

    return answer


def example_inputs(model: DualATME, signature: str, batch: int = 1) -> dict[str, np.ndarray]:
    """Inputs that a signature accepts, of noise: to warm a server up, and to measure.

    Returns:
        Arrays by name of the input; files are bytes in arrays of dtype object.
    """
    rng, size = np.random.default_rng(0), model.image_size
    names = [tensor.name for tensor in model.inputs]
    if signature == "serving_default":
        return {name: rng.uniform(-1, 1, (batch, size, size, 3)).astype("float32") for name in names}
    if signature == "serve_images":
        return {f"{name}_bytes": _files(rng, size, batch) for name in names}
    frames = {name: _files(rng, 128, batch) for name in ("onset_bytes", "apex_bytes")}
    return {**frames, "landmarks": np.full((batch, 5, 2), NO_LANDMARKS, "float32")}


def _files(rng, size, batch):
    noise = rng.integers(0, 256, (batch, size, size, 3), dtype="uint8")
    return np.array([tf.io.encode_png(image).numpy() for image in noise], dtype=object)
