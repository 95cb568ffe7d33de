"""How clips become flow images: a frozen record, stored with the images and in runs trained on them."""

import dataclasses
import math
import os
from pathlib import Path

from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import read_json
from dualatme_keras.geometry.flow_image import ENCODINGS
from dualatme_keras.preprocessing.alignment import FACE_SIZE
from dualatme_keras.preprocessing.flow import METHODS
from dualatme_keras.preprocessing.landmarks import SOURCES

SETTINGS_FILE = "prepare.json"
"""Name of the settings' file in a folder of prepared images."""

PUZZLES = ("frames", "flow")


@dataclasses.dataclass(frozen=True)
class PrepareSettings:
    """How clips become flow images; a network must be asked with the settings it was trained with.

    Attributes:
        landmarks: where they come from, one of `landmarks.SOURCES`.
        face_size: side of the aligned face in pixels, on which flow is computed.
        margin: what is left around the face on each side, as a fraction of `face_size`.
        flow: `tvl1` (the published method) or `dis` (faster).
        puzzle: `frames` cuts onset and apex and computes the flow of the puzzles (the paper's way); `flow`
            cuts the flow of the entire face.
        encoding: `minmax`, `joint` or `fixed`, see `encode_flow`.
        pixel_range: of `fixed`, in pixels of the aligned face.
        stabilize: take the motion of the head out of the flow.
        image_size: side of the flow images in pixels.
    """

    landmarks: str = "mtcnn"
    face_size: int = FACE_SIZE
    margin: float = 0.1
    flow: str = "tvl1"
    puzzle: str = "frames"
    encoding: str = "minmax"
    pixel_range: float = 2.0
    stabilize: bool = False
    image_size: int = 28

    def __post_init__(self):
        for field in dataclasses.fields(PrepareSettings):  # records that have more take care of theirs
            value, kind = getattr(self, field.name), type(field.default)
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise DualATMEError(
                    f"Expected `{field.name}` to be of type {kind.__name__}. Received: {value!r:.80}."
                )
        choices = {"landmarks": SOURCES, "flow": METHODS, "puzzle": PUZZLES, "encoding": ENCODINGS}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise DualATMEError(
                    f"Expected `{name}` out of {', '.join(allowed)}. Received: {getattr(self, name)!r}."
                )
        for name, low, high in (("face_size", 32, 1024), ("image_size", 4, self.face_size)):
            if not low <= getattr(self, name) <= high:
                raise DualATMEError(
                    f"Expected `{name}` from {low} to {high}. Received: {getattr(self, name)}."
                )
        if not 0.0 <= self.margin <= 0.4:
            raise DualATMEError(f"Expected `margin` from 0 to 0.4. Received: {self.margin}.")
        if not 0.0 < self.pixel_range < math.inf:
            raise DualATMEError(f"Expected a positive `pixel_range`. Received: {self.pixel_range}.")

    @classmethod
    def from_dict(cls, values: dict, source: str) -> "PrepareSettings":
        """The settings that `dataclasses.asdict` gave; other keys than those of settings are an error.

        Raises:
            DualATMEError: `values` are no settings; names `source`.
        """
        try:
            return cls(**values)
        except (TypeError, DualATMEError) as error:
            raise DualATMEError(
                f"Expected settings of dualatme-prepare in {source}. Received: {error}"
            ) from error


NAMED_SETTINGS = {"published": PrepareSettings(margin=0.0)}
"""Settings for images that somebody else prepared. `published` comes near the flow images published for
MEGC2019: TV-L1, u, v and strain each scaled by its own extremes, 28 x 28, faces cut close."""


def read_settings(path: str | os.PathLike) -> PrepareSettings:
    """Settings in a file such as `SETTINGS_FILE`, or those of a name in `NAMED_SETTINGS`.

    Raises:
        DualATMEError: there is no such file, or it holds no settings.
    """
    if path in NAMED_SETTINGS:
        return NAMED_SETTINGS[path]
    file = Path(path)
    if not file.is_file():
        raise DualATMEError(
            f"Expected a file such as {SETTINGS_FILE}, or {' or '.join(NAMED_SETTINGS)}. "
            f"Received: {file}, which is no file."
        )
    try:
        values = read_json(file)
    except (DualATMEError, OSError) as error:
        raise DualATMEError(f"Expected settings of dualatme-prepare in {file}. Received: {error}") from error
    names = [field.name for field in dataclasses.fields(PrepareSettings)]
    missing = [name for name in names if name not in values]
    if missing:
        raise DualATMEError(
            f"Expected settings of dualatme-prepare in {file}. Missing: {', '.join(missing)}."
        )
    return PrepareSettings.from_dict({name: values[name] for name in names}, str(file))


def differing_settings(found: PrepareSettings, wanted: PrepareSettings) -> list[str]:
    """What differs between two settings, as `name found -> wanted`; where landmarks come from aside.

    Landmarks place the face and the boxes, whichever detector they come from; all else decides what the
    images mean.
    """
    return [
        f"{field.name} {getattr(found, field.name)!r} -> {getattr(wanted, field.name)!r}"
        for field in dataclasses.fields(PrepareSettings)
        if field.name != "landmarks" and getattr(found, field.name) != getattr(wanted, field.name)
    ]
