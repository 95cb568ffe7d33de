"""Is drawn motion like estimated motion? A classifier that knows one is asked about the other.

    python benchmarks/estimated_against_drawn.py --people=45

Painted clips, whose true motion is known: once as TV-L1 sees the frames, once as the truth, without and with
the errors that `DrawnFlow` gives to an estimate. Logistic regression on the normalised images of the entire
face, people of the test never in training. Prints UF1 of each kind trained on and each asked about.
"""

import numpy as np
from absl import app, flags
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

from dualatme_keras.preprocessing import (
    PrepareSettings,
    align_face,
    encode_flow,
    eye_transform,
    prepare_onset_apex,
)
from dualatme_keras.synthetic.databases import synthetic_clips
from dualatme_keras.synthetic.drawn_clips import Draw
from dualatme_keras.synthetic.drawn_motion import Cells
from dualatme_keras.synthetic.motion_settings import MotionSettings

_PEOPLE = flags.DEFINE_integer("people", 45, "in equal parts in the manner of three databases")
_CLIPS = flags.DEFINE_integer("clips", 8, "of each person")
_SEED = flags.DEFINE_integer("seed", 7, "of people and expressions")
_SETTINGS = PrepareSettings(margin=0.0)


def with_errors(flow, rng, settings=None):
    """True motion `(size, size, 2)` with errors of an estimate: what it lets through, and noise."""
    settings, draw = settings or MotionSettings(), Draw(1, rng)
    size = len(flow)
    places = ((np.arange(size, dtype="float32") + 0.5) / size)[np.newaxis]

    def cells(strength, limits, *more):
        count = rng.integers(*limits)
        return Cells(strength * draw.normal(*more, count, count)).on(places, places)[0]

    gain = np.exp(cells(settings.estimate_gain_sd, settings.estimate_gain_cells))
    noise = cells(settings.estimate_noise, (3, 8), 2) + cells(settings.estimate_texture, (12, 25), 2)
    return flow * gain[..., np.newaxis] + noise.transpose(1, 2, 0)


def normalised(image):
    """As `FlowNormalization`, averaged to 14 x 14."""
    image = image.astype("float32") / 127.5 - 1.0
    image -= np.median(image, axis=(0, 1))
    for channels in (slice(0, 2), slice(2, 3)):
        image[..., channels] /= max(np.abs(image[..., channels]).mean(), 1e-3)
    image = 4.5 * np.tanh(image / 4.5)
    return image.reshape(14, 2, 14, 2, 3).mean(axis=(1, 3)).ravel()


def read():
    rng = np.random.default_rng(_SEED.value)
    images, labels, people = {"estimated": [], "true": [], "true, with errors": []}, [], []
    for database in ("casme2", "samm", "smic"):
        for record, recording in synthetic_clips(
            database, _SEED.value, _PEOPLE.value // 3, _CLIPS.value, 240
        ):
            pair, timing = recording.true_onset_apex(), recording.timing
            images["estimated"].append(prepare_onset_apex(pair, _SETTINGS).entire)
            transform = eye_transform(recording.landmarks(timing.onset), 28, 0.0)
            field = recording.true_flow(timing.onset, timing.apex).astype("float32")
            flow = np.stack([align_face(field[..., axis], transform, 28) for axis in range(2)], axis=-1)
            images["true"].append(encode_flow(flow))
            images["true, with errors"].append(encode_flow(with_errors(flow, rng)))
            labels.append(record.label)
            people.append(f"{database}{record.subject}")
    features = {name: np.stack([normalised(image) for image in each]) for name, each in images.items()}
    return features, np.array(labels), np.array(people)


def main(_arguments):
    features, labels, people = read()
    model, folds = LogisticRegression(C=0.01, class_weight="balanced", max_iter=500), GroupKFold(5)
    print(
        f"{len(labels)} painted clips of {len(set(people))} people; rows: trained on, columns: asked about\n"
    )
    print("| |" + "".join(f" {name} |" for name in features) + "\n|---|" + "---|" * len(features))
    for known, train in features.items():
        scores = []
        for test in features.values():
            told = np.empty_like(labels)
            for fit, rest in folds.split(train, labels, people):
                told[rest] = model.fit(train[fit], labels[fit]).predict(test[rest])
            scores.append(f"{f1_score(labels, told, average='macro'):.3f}")
        print(f"| {known} | {' | '.join(scores)} |")


if __name__ == "__main__":
    app.run(main)
