"""Images as frames: 8 bits, upright, of a size in which a face can be looked for; and as files again."""

import io
import os

import numpy as np

from dualatme_keras.errors import DualATMEError

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")

SMALLEST_SIDE = 32
"""Least side of a frame in pixels: below it there is no face to see."""

MOST_PIXELS = 2**25
"""Most pixels of a frame, a little more than 8K video has; what is larger is refused before it is decoded."""

_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr")
"""Pillow's names of what it makes RGB of."""

_BITS_PER_SAMPLE = 258
"""TIFF's tag: 16, or 12 in packed files of cameras."""


def read_image(path: str | os.PathLike) -> np.ndarray:
    """An image file as RGB `(height, width, 3)`, uint8, turned as its EXIF data say.

    Of 16 bits per channel the upper 8 are kept, grey and palette become RGB, alpha is dropped.

    Raises:
        DualATMEError: it is no image, too small or too large a one, which is not decoded then, one of several
            in its file, or its numbers have no known range.
    """
    from PIL import Image, ImageOps

    path = os.fspath(path)
    try:
        with Image.open(path) as image:
            check_size(image.height, image.width, path)
            _check_readable(image, path)
            bits = _grey_bits(image)
            upright = ImageOps.exif_transpose(image)
            if bits:
                grey = np.asarray(upright).astype("int32") >> (bits - 8)
                return np.repeat(grey.astype("uint8")[..., np.newaxis], 3, axis=-1)
            return np.asarray(upright.convert("RGB"))
    except (OSError, Image.DecompressionBombError) as error:
        raise DualATMEError(f"Expected an image. Received: {path} ({error}).") from error


def image_file(image: np.ndarray, kind: str = "PNG", **options) -> bytes:
    """The content of an image file.

    Args:
        image: `(height, width, 3)` or `(height, width)`, uint8.
        kind: `PNG`, `JPEG` or another format of Pillow.
        options: what Pillow takes for such files, e.g. `quality=90`.
    """
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(image).save(content, kind, **options)
    return content.getvalue()


def _check_readable(image, path):
    """Raises `DualATMEError` for a file of several images, or of numbers without a range."""
    # Phones put a second picture behind a JPEG's first, which is the one that everybody sees.
    if image.format in ("PNG", "TIFF") and getattr(image, "n_frames", 1) > 1:
        raise DualATMEError(
            f"Expected one image in a file. Received: {path} with {image.n_frames}. Write a file for each."
        )
    if image.mode not in _MODES and not _grey_bits(image):
        raise DualATMEError(
            f"Expected an image of 8 or 16 bits per channel. Received: {path} of mode {image.mode!r} (I and "
            "F: 32 bits, whose black and white nobody knows). Scale it to one of them."
        )


def _grey_bits(image):
    """Bits of an image of more than 8 bits of grey, which Pillow's conversion cuts off; 0 of others."""
    if image.mode.startswith("I;16"):
        return image.tag_v2[_BITS_PER_SAMPLE][0] if image.format == "TIFF" else 16
    # Pillow before 11.
    return 16 if image.mode == "I" and image.format == "PNG" else 0


def check_size(height: int, width: int, what: str) -> None:
    """Raises `DualATMEError` unless a frame is of a size that a face can be looked for in; names `what`."""
    if min(height, width) < SMALLEST_SIDE or height * width > MOST_PIXELS:
        raise DualATMEError(
            f"Expected frames of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels and at most "
            f"{MOST_PIXELS / 1e6:.0f} million. Received: {what} of {width} x {height}."
        )
