"""How right preparation is on made-up clips whose truth is known: flow, apex, boxes.

    python benchmarks/preparation_accuracy.py --clips=120

Half of the clips have one or two blinks, all have head motion, changing light and sensor noise. Flow is that
of the aligned faces at onset and true apex; its error is the mean end-point distance in pixels of the aligned
face as it is prepared by default (112 pixels with the margin). Prints a Markdown table.
"""

import numpy as np
from absl import app, flags

from dualatme_keras.preprocessing import Face, PrepareSettings, prepare_clip, transform_points
from dualatme_keras.synthetic.faces import new_look
from dualatme_keras.synthetic.people import new_expression, new_person
from dualatme_keras.synthetic.recording import ClipRecording


def made_up_clips(count, seed=1, size=180):
    """`count` clips with 0, 1, 0, 2, ... blinks, each of another person."""
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        person = new_person("casme2", rng)
        look = new_look(person.landmarks, rng)
        expression = new_expression(index % 3, person, rng)
        yield person, ClipRecording(person, expression, look, rng, size, blinks=(0, 1, 0, 2)[index % 4])


def aligned_truth(recording, transform, size):
    """True flow from onset to apex in pixels of the aligned face, `(size, size, 2)`."""
    import cv2

    flow = recording.true_flow(recording.timing.onset, recording.timing.apex).astype("float32")
    flow = cv2.warpAffine(flow, transform, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return flow @ transform[:, :2].T


def measure_clip(person, recording, method):
    """End-point error, true mean motion, distance of the spotted apex in frames, whether boxes hold all."""
    timing = recording.timing
    landmarks = recording.landmarks(timing.onset)

    def prepare(apex, method):
        frames, settings = range(timing.onset, timing.offset + 1), PrepareSettings(flow=method)
        return prepare_clip(frames, recording.frame, lambda frame, name: Face(landmarks), settings, apex)

    clip, spotted = prepare(timing.apex, method), prepare(None, "dis")
    size = len(clip.flow)
    truth = aligned_truth(recording, clip.transform, size)
    error, motion = np.linalg.norm(clip.flow - truth, axis=-1), np.linalg.norm(truth, axis=-1)
    places = (transform_points(landmarks, clip.transform) + 0.5) / size
    held = boxes_hold_features(person, places, clip.boxes)
    return error.mean(), motion.mean(), abs(spotted.apex - timing.apex), held


def boxes_hold_features(person, places, boxes):
    """Whether brows and lids lie in the upper boxes and the mouth in the lower one."""
    own = person.landmarks
    eyes = places[:2]
    # The aligned face is the person's own, moved and scaled so that the eyes lie at their places.
    scale = (eyes[1, 0] - eyes[0, 0]) / (2 * own["eye"][0])
    middle, height = eyes[:, 0].mean(), eyes[:, 1].mean()

    def place(name, side):
        out, down = own[name]
        return middle + side * out * scale, height + (down - own["eye"][1]) * scale

    features = [
        (box, place(name, side))
        for side, box in ((-1, boxes[0]), (1, boxes[1]))
        for name in ("brow_inner", "brow_middle", "brow_outer", "upper_lid", "lower_lid")
    ]
    features += [(boxes[2], place("mouth_corner", side)) for side in (-1, 1)]
    features += [(boxes[2], place(name, 0)) for name in ("upper_lip", "lower_lip")]
    return all(top <= y <= bottom and left <= x <= right for (top, left, bottom, right), (x, y) in features)


def measure(count, method="tvl1", seed=1):
    """Arrays of what `measure_clip` gives, over `count` clips."""
    found = [measure_clip(person, recording, method) for person, recording in made_up_clips(count, seed)]
    return tuple(np.array(values) for values in zip(*found, strict=True))


def main(_arguments):
    print("| made-up clips | end-point error, px | true motion, px | apex within 2 frames | boxes hold all |")
    print("| --- | --- | --- | --- | --- |")
    for method in ("tvl1", "dis"):
        errors, motion, distances, held = measure(_CLIPS.value, method)
        print(
            f"| {_CLIPS.value}, {method} | {errors.mean():.3f} (worst {errors.max():.3f}) "
            f"| {motion.mean():.2f} "
            f"| {(distances <= 2).mean():.1%} | {held.mean():.1%} |"
        )


if __name__ == "__main__":
    _CLIPS = flags.DEFINE_integer("clips", 120, "clips to measure on")
    app.run(main)
