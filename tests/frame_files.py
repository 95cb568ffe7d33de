"""Image files that say how they are to be turned, as cameras write them."""

import io

import numpy as np
from PIL import Image

ORIENTATIONS = range(1, 9)

_STORED = (
    lambda seen: seen,
    lambda seen: seen[:, ::-1],
    lambda seen: seen[::-1, ::-1],
    lambda seen: seen[::-1],
    lambda seen: seen.swapaxes(0, 1),
    lambda seen: np.rot90(seen),
    lambda seen: seen[::-1, ::-1].swapaxes(0, 1),
    lambda seen: np.rot90(seen, -1),
)
"""How an image lies in a file that has EXIF's orientation 1, 2, ..., 8."""


def turned_file(seen, orientation, kind="PNG", endian="<", xmp=False):
    """The content of a file whose image is `seen` once it is turned as the file says."""
    image, content = Image.fromarray(np.ascontiguousarray(_STORED[orientation - 1](seen))), io.BytesIO()
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F], exif[0x0110] = "A camera's maker", "its name"  # tags before that of the orientation
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    if xmp:
        options["xmp"] = f'<rdf:Description tiff:Orientation="{orientation}"/>'.encode()
    else:
        exif[0x0112] = orientation
    image.save(content, kind, exif=exif, **options)
    return content.getvalue()
