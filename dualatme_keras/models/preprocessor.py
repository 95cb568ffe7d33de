"""From two aligned faces to the network's images: `preprocessing.prepare_onset_apex` as a Keras model."""

import keras
import numpy as np
from keras import ops

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.constants import LUMINANCE
from dualatme_keras.geometry.puzzle import tile_scales
from dualatme_keras.layers import FlowImage, HeadMotion, RegionBoxes, ROIPuzzle, TVL1Flow
from dualatme_keras.preprocessing import PrepareSettings


def flow_preprocessor(settings: PrepareSettings) -> keras.Model:
    """A model without weights that computes flow images in a graph.

    Inputs: `onset_face`, `apex_face`, `(batch, face_size, face_size, 3)`, RGB in [0, 255], and `landmarks`,
    `(batch, 5, 2)` in fractions of the face. Outputs: `entire` and `puzzled`,
    `(batch, image_size, image_size, 3)` in [-1, 1].

    Raises:
        DualATMEError: the settings' flow is not TV-L1, the only one in tensors.
    """
    if settings.flow != "tvl1":
        raise DualATMEError(f"Expected flow 'tvl1', the only one in graphs. Received: {settings.flow!r}.")
    size = settings.face_size
    faces = [keras.Input((size, size, 3), name=name) for name in ("onset_face", "apex_face")]
    landmarks = keras.Input((5, 2), name="landmarks")
    onset, apex = (_to_grey(face) for face in faces)
    boxes = RegionBoxes(dtype="float32")(landmarks)
    cut, measure = ROIPuzzle((size, size), dtype="float32"), TVL1Flow(dtype="float32")
    encode = FlowImage(settings.image_size, settings.encoding, settings.pixel_range, dtype="float32")
    if settings.puzzle == "frames":
        # OpenCV's flow takes whole grey values, of puzzles too. Both flows are one batch.
        flow = measure(
            [ops.concatenate([face, ops.round(cut(face, boxes))], axis=0) for face in (onset, apex)]
        )
        flow, puzzled = ops.split(flow, 2, axis=0)
    else:
        flow, puzzled = measure([onset, apex]), None
    if settings.stabilize:
        head = HeadMotion(dtype="float32")([flow, landmarks])
        flow = flow - head
        if puzzled is not None:
            # The head moves each tile as it moves the region that the tile shows, enlarged as much.
            puzzled = puzzled - cut(head, boxes) * tile_scales(boxes, (size, size), ops)
    puzzled = cut(flow, boxes) if puzzled is None else puzzled
    return keras.Model([*faces, landmarks], {"entire": encode(flow), "puzzled": encode(puzzled)})


def _to_grey(face):
    """Luminance in whole grey values, `(batch, height, width, 1)`."""
    return ops.round(ops.sum(face * np.array(LUMINANCE, "float32"), axis=-1, keepdims=True))
