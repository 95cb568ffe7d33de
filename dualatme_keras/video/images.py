"""Images as frames: 8 bits, upright, of a size in which a face can be looked for; and as files again."""

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from dualatme_keras.errors import DualATMEError

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")

SMALLEST_SIDE = 32
"""Least side of a frame in pixels: below it there is no face to see."""

MOST_PIXELS = 2**25
"""Most pixels of a frame, a little more than 8K video has; what is larger is refused before it is decoded."""

FORMATS = ("BMP", "JPEG", "PNG", "TIFF")
"""Pillow's names of what an image file may hold, whatever it is called. Pillow knows dozens more, of which
one starts another program (EPS: Ghostscript)."""

_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    SyntaxError,
    NotImplementedError,
    AssertionError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers stumble over in files that are damaged."""

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
    from PIL import ImageOps

    path = os.fspath(path)
    with opened_image(path) as image:
        check_size(image.height, image.width, path)
        _check_readable(image, path)
        bits = _grey_bits(image)
        upright = ImageOps.exif_transpose(image)
        if bits:
            grey = np.asarray(upright).astype("int32") >> (bits - 8)
            return np.repeat(grey.astype("uint8")[..., np.newaxis], 3, axis=-1)
        return np.asarray(upright.convert("RGB"))


@contextlib.contextmanager
def opened_image(path: str | os.PathLike, formats: Sequence[str] = FORMATS) -> Iterator:
    """An image file of a stranger, as `PIL.Image.Image`, closed afterwards.

    Nothing is decoded before its pixels are asked for, so that `check_size` can refuse it before.

    Args:
        path: the file.
        formats: Pillow's names of the formats that are allowed, out of `FORMATS`.

    Raises:
        DualATMEError: it is no such file, or is damaged, which may be found within the context.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=formats) as image:
            yield image
    except DualATMEError:
        raise
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        size = f"{os.path.getsize(path)} bytes; " if os.path.isfile(path) else ""
        reason = "It does not begin as one" if isinstance(error, UnidentifiedImageError) else error
        raise DualATMEError(
            f"Expected an image. Received: {path} ({size}{reason}). "
            f"Is it truncated, or none of {', '.join(formats)}?"
        ) from error


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


def check_size(height: int, width: int, what: str, least: int = SMALLEST_SIDE) -> None:
    """Raises `DualATMEError` unless an image is of a size that is allowed; names `what`.

    Args:
        height, width: of the image in pixels.
        what: that has this size.
        least: smallest side; by default that in which a face can be looked for.
    """
    if min(height, width) < least or height * width > MOST_PIXELS:
        kind = "frames" if least == SMALLEST_SIDE else "images"
        raise DualATMEError(
            f"Expected {kind} of at least {least} x {least} pixels and at most "
            f"{MOST_PIXELS / 1e6:.0f} million. Received: {what} of {width} x {height}."
        )
