"""Raw frames inside a graph: decoded, checked, and the faces brought to their places."""

import tensorflow as tf
from keras import ops

from dualatme_keras.geometry.face_proportions import FACE_LIMITS, face_measures
from dualatme_keras.geometry.regions import TEMPLATE_LANDMARKS, is_upright
from dualatme_keras.layers import FaceAlignment, landmarks_on_face
from dualatme_keras.preprocessing import PrepareSettings
from dualatme_keras.serving.encoded_images import check_counts, check_encoded
from dualatme_keras.serving.frame_files import decode_frame
from dualatme_keras.video import SMALLEST_SIDE

NO_LANDMARKS = -1.0
"""Landmarks that are all this number stand for those of the template: frames that are aligned faces."""


class FramesGraph:
    """Onset and apex frames as files -> aligned faces, as `preprocessing.prepare_onset_apex` aligns them.

    Args:
        settings: size of the face and margin.
    """

    def __init__(self, settings: PrepareSettings):
        self._size, self._margin = settings.face_size, settings.margin
        self._align = FaceAlignment(settings.face_size, settings.margin, dtype="float32")

    def faces(self, onset_bytes: tf.Tensor, apex_bytes: tf.Tensor, landmarks: tf.Tensor) -> dict:
        """Decodes and aligns a batch, clip by clip, as frames of different clips may differ in size.

        Args:
            onset_bytes, apex_bytes: strings `(batch,)`, PNG or JPEG files, turned as their EXIF data say.
            landmarks: float32 `(batch, 5, 2)` in pixels of the turned frames, or `(0, 5, 2)` or a row of
                `NO_LANDMARKS` for frames that are aligned faces.

        Returns:
            `onset_face`, `apex_face`, `(batch, size, size, 3)` in [0, 255], and `landmarks`, `(batch, 5, 2)`
            in fractions of the face.

        Raises:
            tf.errors.InvalidArgumentError: inputs of unequal length, bytes that are no image, frames of
                unequal size, landmarks that are no upright face's inside the frame; the message has the
                number of the item.
        """
        batch = tf.shape(onset_bytes)[0]
        landmarks = tf.cond(
            tf.equal(tf.shape(landmarks)[0], 0),
            lambda: tf.fill((batch, 5, 2), NO_LANDMARKS),
            lambda: landmarks,
        )
        check_counts(onset_bytes=onset_bytes, apex_bytes=apex_bytes, landmarks=landmarks)
        face = tf.TensorSpec((self._size, self._size, 3), tf.float32)
        onset, apex, places = tf.map_fn(
            self._clip,
            (onset_bytes, apex_bytes, landmarks, tf.range(batch)),
            fn_output_signature=(face, face, tf.TensorSpec((5, 2), tf.float32)),
        )
        return {"onset_face": onset, "apex_face": apex, "landmarks": places}

    def _clip(self, clip):
        onset, apex, landmarks, item = clip
        onset, apex = _decode(onset, "onset_bytes", item), _decode(apex, "apex_bytes", item)
        same = tf.reduce_all(tf.equal(tf.shape(onset), tf.shape(apex)))
        message = "Expected onset and apex of equal size. Received: height, width, channels of both, and item"
        with tf.control_dependencies(
            [tf.debugging.Assert(same, [message, tf.shape(onset), tf.shape(apex), item])]
        ):
            frames = tf.stack([onset, apex])
        landmarks = _checked_landmarks(landmarks, tf.shape(frames), item)
        faces = self._align([frames, tf.stack([landmarks, landmarks])])
        (places,) = tf.unstack(landmarks_on_face(landmarks[tf.newaxis], self._size, self._margin))
        return faces[0], faces[1], places


def _decode(encoded, name, item):
    """`(height, width, 3)`, uint8."""
    return decode_frame(check_encoded(encoded, SMALLEST_SIDE, name, item))


def _checked_landmarks(landmarks, shape, item):
    """Landmarks in pixels, those of the template where there are none."""
    size = tf.cast(tf.stack([shape[2], shape[1]]), tf.float32)  # width, height
    template = tf.constant(TEMPLATE_LANDMARKS, tf.float32) * size - 0.5
    landmarks = tf.where(tf.reduce_all(tf.equal(landmarks, NO_LANDMARKS)), template, landmarks)
    for good, what in (
        (tf.reduce_all(tf.math.is_finite(landmarks)), "finite landmarks"),
        (
            tf.reduce_all((landmarks >= -0.5) & (landmarks <= size - 0.5)),
            "landmarks inside the frame (or all -1: an aligned face)",
        ),
        (
            is_upright(landmarks, ops),
            "landmarks of an upright face: the image-left eye first, the mouth below the eyes",
        ),
        (
            _in_proportion(landmarks),
            "landmarks in the proportions of an upright face, rolled by 45 degrees at most",
        ),
    ):
        message = f"Expected {what}. Received: landmarks, and item"
        with tf.control_dependencies([tf.debugging.Assert(good, [message, landmarks, item], summarize=10)]):
            landmarks = tf.identity(landmarks)
    return landmarks


def _in_proportion(landmarks):
    """Whether these are a face's landmarks at all, as `preprocessing.check_face` has it."""
    measures = face_measures(landmarks, ops)
    inside = [(measures[name] >= at.least) & (measures[name] <= at.most) for name, at in FACE_LIMITS.items()]
    return tf.reduce_all(inside)
