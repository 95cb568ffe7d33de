"""Flow images of clips as people can read them: the direction of motion as a colour."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from dualatme_keras.data.paths import puzzled_path
from dualatme_keras.plots.flow import flow_colours
from dualatme_keras.video import check_size, opened_image

_SIDE = 140
_LARGEST_SIDE = 1024
"""Of what colours are computed for, in pixels: floats of a whole frame take a gigabyte."""
_FULL_COLOUR = 0.98
"""Share of the pixels that have less than their full colour."""


def flow_picture(file: str | os.PathLike) -> bytes:
    """A flow image as a PNG: hue is the direction from what most of the face does, white no motion.

    Args:
        file: u, v and strain in its channels.

    Raises:
        DualATMEError: it is no image, or one of too many pixels.
    """
    with opened_image(file) as opened:
        check_size(opened.height, opened.width, os.fspath(file), least=1)
        shown = opened.convert("RGB")
    shown.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE), Image.Resampling.NEAREST)
    image = np.asarray(shown, float)
    flow = image[..., :2] - np.median(image[..., :2], axis=(0, 1))
    colours = flow_colours(flow, np.quantile(np.linalg.norm(flow, axis=-1), _FULL_COLOUR))
    picture = Image.fromarray((255 * colours).astype("uint8")).resize(
        (_SIDE, _SIDE), Image.Resampling.NEAREST
    )
    content = io.BytesIO()
    picture.save(content, format="png", optimize=True)
    return content.getvalue()


def clip_pictures(image: str | os.PathLike) -> dict[str, tuple[str, bytes]]:
    """What there is to see of a clip of a run.

    Args:
        image: its flow image, see `data.find_image`.

    Returns:
        Kind (`png` or `jpeg`) and content of a picture by what it shows: the clip from onset to flow, where
        `dualatme-prepare` left its preview, and the flow of the face and of the puzzle.

    Raises:
        DualATMEError: it is no image.
        OSError: an image cannot be read.
    """
    entire = Path(image)
    preview = entire.parent.parent / "preview" / f"{entire.stem.removesuffix('_flow')}.jpg"
    pictures = (
        {"onset, apex with regions, flow images as the network gets them": ("jpeg", preview.read_bytes())}
        if preview.exists()
        else {}
    )
    return pictures | {
        "face: direction as colour, relative to most of it": ("png", flow_picture(entire)),
        "puzzle: the same": ("png", flow_picture(puzzled_path(entire))),
    }
