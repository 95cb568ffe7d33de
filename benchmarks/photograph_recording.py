"""Videos of photographed faces whose motion is known: skin instead of paint, compressed as cameras do."""

import dataclasses
import importlib.util
import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np

from dualatme_keras.preprocessing import PrepareSettings, align_face, eye_transform, landmark_source
from dualatme_keras.synthetic.long_recording import LongRecording
from dualatme_keras.synthetic.muscles import LANDMARKS, REFERENCE_SIZE, action_unit_flow
from dualatme_keras.synthetic.people import Person
from dualatme_keras.synthetic.recording import rise_and_fall
from dualatme_keras.synthetic.warping import backward_map

UNITS = {"brows": ((1, 2), (4,)), "mouth corners": ((12,), (15,)), "lids": ((5,), (7,))}
"""Action units that move a place, upwards or together first."""

PIXELS = (1, 2, 4)
"""Largest displacements in an expression, in pixels of the aligned face that networks are fed with."""

_INSTALLED = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
}
"""Photographs in the public domain that packages of the development environment bring."""

_COARSE = 2
"""Displacements are smooth, so they are computed for every second pixel."""


def read_photograph(name):
    """A photograph as RGB; `name` is a key of `_INSTALLED` or a file."""
    from PIL import Image

    path = name
    if name in _INSTALLED:
        package, place = _INSTALLED[name]
        path = Path(importlib.util.find_spec(package).origin).parent / place
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@dataclasses.dataclass(frozen=True)
class Shown:
    """An expression: frames, where, and by how many pixels of the aligned face."""

    onset: int
    apex: int
    offset: int
    place: str
    pixels: float


class PhotographRecording(LongRecording):
    """A long video of the person in a photograph.

    Args:
        photograph: RGB.
        rng: of all.
        moves: whether there are expressions, each of `UNITS` and `PIXELS` once.
        alive: whether head, lids and light move.
        noise: standard deviation of the sensor noise in grey levels.
        seconds, frames_per_second, size: see `LongRecording`.
    """

    def __init__(self, photograph, rng, moves, alive, noise, seconds, frames_per_second, size):
        shown = list(itertools.product(UNITS, PIXELS)) if moves else []
        person = Person(LANDMARKS, 1.0, 0.0, 1.0)
        # Only times and fields are asked of the painted face.
        super().__init__(person, None, rng, [0] * len(shown), seconds, frames_per_second, size // _COARSE)
        rng.shuffle(shown)
        self.expressions = tuple(
            Shown(each.onset, each.apex, each.offset, place, pixels)
            for each, (place, pixels) in zip(self.expressions, shown, strict=True)
        )
        self._shown = [self._field(each, rng) for each in self.expressions]
        self._alive, self._full = alive, size
        # Each frame's noise is a cut of this at a place of its own.
        self._noise = noise * rng.standard_normal((2 * size, 2 * size, 3), dtype="float32")
        if not alive:
            self.blinks = ()
        share = self.face_pixels * _COARSE / size
        face = landmark_source("mtcnn")(photograph, "photograph")
        transform = eye_transform(face.landmarks, size, (1 - share) / 2)
        transform[:, 2] += self._shift * size
        self._photograph = align_face(photograph, transform, size).astype("float32")

    def _field(self, each, rng):
        units = UNITS[each.place][rng.integers(len(UNITS[each.place]))]
        left, right = ((1.0, 1.0), (1.0, 0.3), (0.3, 1.0))[rng.integers(3)]
        field = sum(action_unit_flow(unit, left, right, grid=self._grid) for unit in units)
        settings = PrepareSettings()
        scale = REFERENCE_SIZE / ((1 - 2 * settings.margin) * settings.face_size)
        return field * (each.pixels * scale / np.linalg.norm(field, axis=-1).max())

    def expression_motion(self, frame):
        return sum(
            field * rise_and_fall(frame, each.onset, each.apex, each.offset)
            for field, each in zip(self._shown, self.expressions, strict=True)
            if each.onset < frame < each.offset
        )

    def displacement(self, frame):
        if self._alive:
            return super().displacement(frame)
        moved = self.expression_motion(frame) * (self.face_pixels / REFERENCE_SIZE)
        return moved if np.ndim(moved) else np.zeros((self._size, self._size, 2))

    def light(self, frame):
        return super().light(frame) if self._alive else 1.0

    def landmarks(self, frame):
        return (super().landmarks(frame) + 0.5) * _COARSE - 0.5

    def frame(self, number):
        import cv2

        size = (self._full, self._full)
        image = self._photograph
        displacement = self.displacement(number)
        if displacement.any():
            maps = backward_map(displacement)
            # The coarse pixel i covers the pixels 2 i and 2 i + 1.
            from_x, from_y = ((cv2.resize(part, size) + 0.5) * _COARSE - 0.5 for part in maps)
            image = cv2.remap(image, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        down, right = np.random.default_rng([self._seed, number]).integers(self._full, size=2)
        noise = self._noise[down : down + self._full, right : right + self._full]
        return np.clip(np.rint(image * np.float32(self.light(number)) + noise), 0, 255).astype("uint8")


def write_video(recording, path, codec):
    """Encodes recording: `mp4v` by OpenCV, `x264-23` by ffmpeg with that constant rate factor."""
    import cv2

    rate, size = recording.frames_per_second, recording.frame(0).shape[0]
    if codec == "mp4v":
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, (size, size))
        for number in range(recording.length):
            writer.write(recording.frame(number)[..., ::-1])
        writer.release()
        return
    command = [
        _ffmpeg(),
        "-y",
        "-loglevel",
        "error",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{size}x{size}",
        "-r",
        f"{rate:g}",
        "-i",
        "-",
        "-c:v",
        "libx264",
        "-crf",
        codec.removeprefix("x264-"),
        "-pix_fmt",
        "yuv420p",
        str(path),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        for number in range(recording.length):
            process.stdin.write(recording.frame(number).tobytes())
        process.stdin.close()
        if process.wait():
            raise RuntimeError(f"ffmpeg ended with {process.returncode}")


def _ffmpeg():
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg  # a package that brings one

    return imageio_ffmpeg.get_ffmpeg_exe()
