"""Flow images drawn from motion alone: no face is painted, no flow is estimated. NumPy only."""

import dataclasses

import numpy as np

from dualatme_keras.errors import DualATMEError
from dualatme_keras.geometry.puzzle import join_tiles, tile_sizes
from dualatme_keras.synthetic.drawn_clips import Draw, draw_expressions, draw_faces
from dualatme_keras.synthetic.drawn_motion import DrawnMotion
from dualatme_keras.synthetic.motion_settings import UNITS, MotionSettings

ENCODINGS = ("minmax", "joint")
"""Encodings of drawn images: those that hide how large a motion was."""

_CHUNK = 64
"""Clips drawn at one time: what they need stays in a processor's cache."""

_PUZZLES = ("frames", "flow", "image")
"""What a puzzle is cut from: frames, the flow between them, or, as in published sets, the image of it."""


@dataclasses.dataclass(frozen=True)
class DrawnBatch:
    """Drawn clips and the truth about them.

    Attributes:
        entire, puzzled: flow images `(batch, size, size, 3)`, uint8.
        labels: class of each clip, int64 `(batch,)`; -1 where there is no expression.
        action_units: intensity of `UNITS` on the image-left and image-right side, about 1 where a unit
            shows, float32 `(batch, units, 2)`.
    """

    entire: np.ndarray
    puzzled: np.ndarray
    labels: np.ndarray
    action_units: np.ndarray

    @property
    def images(self) -> dict[str, np.ndarray]:
        """Both images as networks take them, float32 in [-1, 1]."""
        images = {"entire": self.entire, "puzzled": self.puzzled}
        return {name: image / np.float32(127.5) - np.float32(1.0) for name, image in images.items()}


class DrawnFlow:
    """Endless batches of drawn flow images. The seed and a batch's number decide all that is in it.

    Args:
        settings: what motion is made of. Defaults to `MotionSettings()`.
        batch_size: clips of a batch. Defaults to 256.
        image_size: side of the images in pixels. Defaults to 28.
        encoding: `"minmax"` or `"joint"`, see `preprocessing.encode_flow`. Defaults to `"minmax"`.
        seed: of all batches. Defaults to 0.

    Raises:
        DualATMEError: another encoding.
    """

    def __init__(
        self,
        settings: MotionSettings | None = None,
        batch_size: int = 256,
        image_size: int = 28,
        encoding: str = "minmax",
        seed: int = 0,
    ):
        if encoding not in ENCODINGS:
            raise DualATMEError(f"Expected `encoding` out of {', '.join(ENCODINGS)}. Received: {encoding!r}.")
        self.settings = settings or MotionSettings()
        self.batch_size, self.image_size, self.encoding, self.seed = batch_size, image_size, encoding, seed

    def batch(self, number: int) -> DrawnBatch:
        """Draws the batch of a number, 0 or more."""
        size, count = self.image_size, self.batch_size
        entire, puzzled = (np.empty((count, size, size, 3), dtype="uint8") for _ in range(2))
        labels = np.empty(count, dtype="int64")
        action_units = np.empty((count, len(UNITS), 2), dtype="float32")
        for start in range(0, count, _CHUNK):
            part = slice(start, min(start + _CHUNK, count))
            draw = Draw(part.stop - start, np.random.default_rng([self.seed, number, start]))
            labels[part], intensity = draw_expressions(draw, self.settings)
            action_units[part] = intensity[:, : len(UNITS)]
            self._write_images(draw, intensity, entire[part], puzzled[part])
        return DrawnBatch(entire, puzzled, labels, action_units)

    def _write_images(self, draw, intensity, entire, puzzled):
        size, faces = self.image_size, draw_faces(draw, self.settings)
        motion = DrawnMotion(draw, self.settings, faces, intensity)
        whole = np.broadcast_to(_centres(size), (draw.count, size))
        channels = _with_strain(motion.on(whole, whole))
        ranges = self._ranges(channels)
        _encode(channels, ranges, entire)
        tiles, source = [], draw.rng.choice(_PUZZLES)
        boxes = faces.boxes(self.settings.boxes_sd * draw.normal(5, 2))
        for box, (height, width) in zip(boxes.swapaxes(0, 1), tile_sizes((size, size)), strict=True):
            top, left, bottom, right = (edge[:, None] for edge in box.T)
            tall, wide = bottom - top, right - left
            flow = motion.on(top + tall * _centres(height), left + wide * _centres(width))
            # Pixels of the tile for each of the image's, right and down: (clips, 2).
            scale = np.concatenate([width / (size * wide), height / (size * tall)], axis=1)
            if source == "frames":
                flow *= scale[..., None, None]
            tiles.append(_with_strain(flow, scale) if source == "image" else flow)
        joined = join_tiles([tile[..., None] for tile in tiles])[..., 0]
        if source != "image":
            joined = _with_strain(joined)
            ranges = self._ranges(joined)
        _encode(joined, ranges, puzzled)

    def _ranges(self, channels):
        """Lowest and highest value of each channel, `(clips, 3, 1, 1)`."""
        low, high = (extreme(axis=(2, 3), keepdims=True) for extreme in (channels.min, channels.max))
        if self.encoding == "joint":
            low[:, :2] = low[:, :2].min(axis=1, keepdims=True)
            high[:, :2] = high[:, :2].max(axis=1, keepdims=True)
        return low, high


def _centres(count):
    return (np.arange(count, dtype="float32") + 0.5) / count


def _with_strain(flow, scale=None):
    """Adds optical strain to `(clips, 2, height, width)`; derivatives are multiplied by `scale` `(clips, 2)`.

    As `geometry.flow_image.flow_strain`, in a layout that is several times as fast.
    """
    along_x, along_y = np.empty_like(flow), np.empty_like(flow)
    for field, result in ((flow, along_x), (flow.swapaxes(2, 3), along_y.swapaxes(2, 3))):
        np.subtract(field[..., 2:], field[..., :-2], out=result[..., 1:-1])
        result[..., 1:-1] *= 0.5
        np.subtract(field[..., 1], field[..., 0], out=result[..., 0])
        np.subtract(field[..., -1], field[..., -2], out=result[..., -1])
    if scale is not None:
        along_x *= scale[:, :1, None, None]
        along_y *= scale[:, 1:, None, None]
    shear = along_y[:, 0] + along_x[:, 1]
    strain = np.sqrt(along_x[:, 0] ** 2 + along_y[:, 1] ** 2 + 0.5 * shear * shear)
    return np.concatenate([flow, strain[:, None]], axis=1)


def _encode(channels, ranges, images):
    """Writes `(clips, 3, height, width)` as whole grey values `(clips, height, width, 3)`."""
    low, high = ranges
    grey = (channels - low) * (255.0 / np.maximum(high - low, 1e-12))
    np.rint(grey, out=grey)
    np.clip(grey, 0.0, 255.0, out=grey)
    images[...] = grey.transpose(0, 2, 3, 1)
