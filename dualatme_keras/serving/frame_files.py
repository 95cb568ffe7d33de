"""Frames as files inside a graph, decoded to what `databases.read_image` reads from them."""

import tensorflow as tf

from dualatme_keras.serving.encoded_images import is_png

_HEAD = 2**16
"""Bytes in which a file must say how it is to be turned; writers say it before the pixels."""

# TIFF's directory of tags, with the least or the most significant byte first: a number of entries of 12 bytes
# each, of which one says the orientation. Of XMP, Pillow's reading. `\C` is a byte.
_ENTRIES = r"\C\C(?:\C{12}){0,60}?"
_ORIENTATIONS = (
    (
        r"(?:Exif\x00\x00|eXIf)II\*\x00\x08\x00\x00\x00" + _ENTRIES + r"\x12\x01\x03\x00\x01\x00\x00\x00(\C)",
        0,
    ),
    (
        r"(?:Exif\x00\x00|eXIf)MM\x00\*\x00\x00\x00\x08"
        + _ENTRIES
        + r"\x01\x12\x00\x03\x00\x00\x00\x01\x00(\C)",
        0,
    ),
    (r"tiff:Orientation(?:=\"|>)([0-9])", ord("0")),
)
"""Patterns of which the group is the orientation, and the byte that stands for 0."""


def decode_frame(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a frame.

    Of 16 bits per channel the upper 8 are kept, grey and palette become RGB, alpha is dropped. Frames are
    turned as their EXIF data say.

    Args:
        encoded: scalar string, a PNG or JPEG file.

    Returns:
        uint8 `(height, width, 3)`.
    """
    image = tf.cond(
        is_png(encoded),
        lambda: tf.io.decode_png(encoded, channels=3),
        # As other programs decode by default; TensorFlow's is faster and off by up to 18 grey values.
        lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"),
    )
    return _turned(image, _orientation(encoded))


def _orientation(encoded):
    """EXIF's number, 1 for upright; 1 too where there is none."""
    head, found = tf.strings.substr(encoded, 0, _HEAD), tf.constant(1)
    for pattern, zero in reversed(_ORIENTATIONS):
        whole = rf"^\C*?{pattern}\C*$"
        # What does not match stays as it is; one byte of it stands for the number that nobody asks for.
        digit = tf.strings.substr(tf.strings.regex_replace(head, whole, r"\1"), 0, 1)
        value = tf.cast(tf.io.decode_raw(digit, tf.uint8)[0], tf.int32) - zero
        found = tf.where(tf.strings.regex_full_match(head, whole), value, found)
    return found


def _turned(image, orientation):
    """An image as it is meant to be seen: mirrored at the diagonal, then left to right, then upside down."""
    across = tf.reduce_any(orientation == [2, 3, 6, 7])
    down = tf.reduce_any(orientation == [3, 4, 7, 8])
    order = tf.where(tf.reduce_any(orientation == [5, 6, 7, 8]), [1, 0, 2], [0, 1, 2])
    image = tf.reverse(tf.transpose(image, order), tf.boolean_mask([0, 1], [down, across]))
    image.set_shape((None, None, 3))
    return image
