"""How fast an export answers, in this process: requests per second and latency, and where the time goes.

    python benchmarks/bench_serving.py --export=runs/demo/export/1

Each signature and batch size is asked for about --seconds, after a first request that is not counted. Frames
are made-up clips, and landmarks are sent with them. A server adds its own transport and batching.
"""

import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from absl import app, flags

from dualatme_keras.preprocessing import read_settings
from dualatme_keras.synthetic.databases import synthetic_clips
from dualatme_keras.video import image_file

_EXPORT = flags.DEFINE_string("export", "runs/demo/export/1", "folder of an exported version")
_BATCHES = flags.DEFINE_list("batches", ["1", "8", "64"], "items per request")
_SECONDS = flags.DEFINE_float("seconds", 20.0, "how long to ask each signature and batch size")
_FRAME_SIZE = flags.DEFINE_integer("frame_size", 240, "side of the frames in pixels")
_FEWEST, _MOST = 3, 300


def main(_arguments):
    import tensorflow as tf

    signatures = tf.saved_model.load(_EXPORT.value).signatures
    inputs = _inputs(signatures)
    print(f"{_EXPORT.value}, TensorFlow {tf.__version__}, {os.cpu_count()} processors")
    columns = ("signature", "batch", "requests/s", "items/s", "p50 ms", "p95 ms", "p99 ms")
    print("{:<16} {:>5} {:>10} {:>8} {:>8} {:>8} {:>8}".format(*columns))
    for name in ("serving_default", "serve_images", "serve_frames"):
        if name not in signatures:
            print(f"{name:<16} not in this export")
            continue
        for batch in map(int, _BATCHES.value):
            tensors = {key: tf.constant(_repeated(values, batch)) for key, values in inputs[name].items()}
            _print_row(name, batch, _times(lambda: signatures[name](**tensors)["class_id"].numpy()))  # noqa: B023
    if "serve_frames" in signatures:
        _print_stages(inputs["serve_frames"])


def _inputs(signatures):
    """Sixteen items of each input."""
    size = signatures["serving_default"].structured_input_signature[1]
    size = next(iter(size.values())).shape[1]
    rng = np.random.default_rng(0)
    names = sorted(signatures["serving_default"].structured_input_signature[1])
    flows = rng.integers(0, 256, (16, size, size, 3), dtype="uint8")
    clips = [recording for _record, recording in synthetic_clips("casme2", 5, 4, 4, _FRAME_SIZE.value)]
    frames = {
        f"{name}_bytes": [image_file(clip.frame(getattr(clip.timing, name))) for clip in clips]
        for name in ("onset", "apex")
    }
    landmarks = np.stack([clip.landmarks(clip.timing.onset) for clip in clips]).astype("float32")
    return {
        "serving_default": {name: (flows / 127.5 - 1).astype("float32") for name in names},
        "serve_images": {f"{name}_bytes": [image_file(image) for image in flows] for name in names},
        "serve_frames": {**frames, "landmarks": landmarks},
    }


def _repeated(values, count):
    return [values[index % len(values)] for index in range(count)]


def _times(ask):
    """Seconds of each request."""
    ask()
    times, start = [], time.perf_counter()
    while len(times) < _FEWEST or (time.perf_counter() - start < _SECONDS.value and len(times) < _MOST):
        before = time.perf_counter()
        ask()
        times.append(time.perf_counter() - before)
    return np.array(times)


def _print_row(name, batch, times):
    p50, p95, p99 = 1000 * np.quantile(times, (0.5, 0.95, 0.99))
    rate = len(times) / times.sum()
    print(
        f"{name:<16} {batch:>5} {rate:>10.2f} {rate * batch:>8.1f} {p50:>8.1f} {p95:>8.1f} {p99:>8.1f}",
        flush=True,
    )


def _print_stages(frames, batch=8):
    """The parts of `serve_frames`, one after the other, each as a graph of its own."""
    import tensorflow as tf

    from dualatme_keras.layers import RegionBoxes, ROIPuzzle, TVL1Flow
    from dualatme_keras.models import DualATME, flow_preprocessor, prediction_model
    from dualatme_keras.serving.frames_graph import FramesGraph

    assets = os.path.join(_EXPORT.value, "assets")
    settings = read_settings(os.path.join(assets, "prepare.json"))
    with open(os.path.join(assets, "network.json")) as file:
        network = prediction_model(DualATME.from_config(json.load(file)))
    size = settings.face_size
    sent = {key: tf.constant(_repeated(values, batch)) for key, values in frames.items()}
    decode = tf.function(
        lambda files: tf.map_fn(
            lambda item: tf.io.decode_image(item, channels=3, expand_animations=False)[:1, :1],
            files,
            fn_output_signature=tf.TensorSpec((None, None, 3), tf.uint8),
        )
    )
    faces_of, flow_of = tf.function(FramesGraph(settings).faces), tf.function(TVL1Flow(dtype="float32"))
    images_of, answer = tf.function(flow_preprocessor(settings)), tf.function(network)
    faces = faces_of(**sent)
    grey = [tf.reduce_mean(faces[name], axis=-1, keepdims=True) for name in ("onset_face", "apex_face")]
    boxes, cut = RegionBoxes()(faces["landmarks"]), ROIPuzzle((size, size), dtype="float32")
    if settings.puzzle == "frames":
        grey = [tf.concat([face, cut(face, boxes)], axis=0) for face in grey]
    images = images_of(faces)
    both = tf.concat([sent["onset_bytes"], sent["apex_bytes"]], axis=0)
    seconds = {
        "decoding": lambda: decode(both).numpy(),
        "decoding and alignment": lambda: faces_of(**sent)["landmarks"].numpy(),
        "flow": lambda: flow_of(grey).numpy(),
        "flow, puzzle, encoding": lambda: images_of(faces)["entire"].numpy(),
        "network": lambda: answer(images)["class_id"].numpy(),
    }
    seconds = {name: float(np.median(_times(stage))) for name, stage in seconds.items()}
    stages = {
        "decoding": seconds["decoding"],
        "checks, alignment": seconds["decoding and alignment"] - seconds["decoding"],
        "TV-L1 flow, entire and puzzle": seconds["flow"],
        "puzzle, encoding": seconds["flow, puzzle, encoding"] - seconds["flow"],
        "network": seconds["network"],
    }
    total = sum(stages.values())
    print(f"\nserve_frames by stage, batch {batch}, median ms per item")
    for name, value in stages.items():
        print(f"  {name:<30} {1000 * value / batch:>7.1f}  {value / total:>5.1%}")
    print(f"  {'together':<30} {1000 * total / batch:>7.1f}")


if __name__ == "__main__":
    app.run(main)
