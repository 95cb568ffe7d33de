"""Does the graph answer as Python does? Raw frames through `serve_frames` and through `Recognizer`.

    python benchmarks/serving_agreement.py --run=runs/demo --clips=120

Made-up clips of people that the run has not seen, true landmarks, onset and apex given. Prints how often the
class is the same, and how far probabilities are apart.
"""

import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from absl import app, flags

from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.synthetic.databases import synthetic_clips
from dualatme_keras.video import image_file

_RUN = flags.DEFINE_string("run", "runs/demo", "a run with a final network")
_CLIPS = flags.DEFINE_integer(
    "clips", 120, "number of clips, in equal parts in the manner of three databases"
)
_SEED = flags.DEFINE_integer("seed", 41, "of people and expressions")
_FRAME_SIZE = flags.DEFINE_integer("frame_size", 240, "side of the frames in pixels")
_BATCH = 8


def main(_arguments):
    import tensorflow as tf

    from dualatme_keras.recognition import Recognizer
    from dualatme_keras.serving import export_run

    recognizer = Recognizer(_RUN.value, networks="final")
    pairs = list(_pairs())
    python = np.array([recognizer.recognize_onset_apex(pair, "clip").members[0] for pair in pairs])
    with tempfile.TemporaryDirectory() as folder:
        export = export_run(_RUN.value, folder, warm_up=False).paths["saved_model"]
        serve = tf.saved_model.load(str(export)).signatures["serve_frames"]
    graph = np.concatenate([_ask(serve, pairs[i : i + _BATCH]) for i in range(0, len(pairs), _BATCH)])
    same = python.argmax(axis=1) == graph.argmax(axis=1)
    apart = np.abs(python - graph).max(axis=1)
    print(f"{len(pairs)} clips, settings {recognizer.settings}")
    print(f"same class: {same.sum()} of {len(same)} ({same.mean():.1%})")
    quantiles = ", ".join(
        f"{name} {np.quantile(apart, q):.4f}" for name, q in (("median", 0.5), ("95%", 0.95))
    )
    print(f"largest difference of a clip's probabilities: {quantiles}, worst {apart.max():.4f}")
    for index in np.flatnonzero(~same):
        print(f"  differs: {python[index].round(3)} {graph[index].round(3)} of {CLASS_NAMES}")


def _pairs():
    for database in ("casme2", "samm", "smic"):
        for _record, recording in synthetic_clips(
            database, _SEED.value, -(-_CLIPS.value // 12), 4, _FRAME_SIZE.value
        ):
            yield recording.true_onset_apex()


def _ask(serve, pairs):
    import tensorflow as tf

    answers = serve(
        onset_bytes=tf.constant([image_file(pair.onset_frame) for pair in pairs]),
        apex_bytes=tf.constant([image_file(pair.apex_frame) for pair in pairs]),
        landmarks=tf.constant([pair.landmarks for pair in pairs], tf.float32),
    )
    return answers["probabilities"].numpy()


if __name__ == "__main__":
    app.run(main)
