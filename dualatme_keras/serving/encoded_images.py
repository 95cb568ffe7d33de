"""Images as bytes inside a graph: refused by name of the input and number of the item, then decoded."""

import tensorflow as tf

from dualatme_keras.video import MOST_PIXELS

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_PNG_HEADER = 33
"""Bytes of a PNG up to the end of its header, in which the size stands."""


def check_counts(**items: tf.Tensor) -> None:
    """Refuses a request whose inputs, given by name, are not equally many.

    Raises:
        tf.errors.InvalidArgumentError: they are not.
    """
    counts = [tf.shape(tensor)[0] for tensor in items.values()]
    for name, count in list(zip(items, counts, strict=True))[1:]:
        first = next(iter(items))
        message = f"Expected as many items in {name} as in {first}. Received, of each"
        tf.debugging.Assert(tf.equal(count, counts[0]), [message, count, counts[0]])


def check_encoded(encoded: tf.Tensor, least: int, name: str, item: tf.Tensor) -> tf.Tensor:
    """Returns `encoded` if it is a PNG or JPEG file of a reasonable size, which is read from its header.

    Nothing is decoded, so a small file that claims to be huge costs no memory.

    Args:
        encoded: scalar string.
        least: least side in pixels.
        name, item: of the input and index in the batch, for the message.

    Raises:
        tf.errors.InvalidArgumentError: it is no such file.
    """
    png = is_png(encoded)
    is_jpeg = tf.strings.substr(encoded, 0, len(_JPEG)) == _JPEG
    message = f"Expected a PNG or JPEG file in {name}. Received: other bytes in item"
    with tf.control_dependencies([tf.debugging.Assert(png | is_jpeg, [message, item])]):
        size = tf.cond(png, lambda: _png_size(encoded), lambda: _jpeg_size(encoded))
        height, width = tf.unstack(size, num=2)
    fits = tf.logical_and(
        tf.minimum(height, width) >= least,
        tf.cast(height, tf.int64) * tf.cast(width, tf.int64) <= MOST_PIXELS,
    )
    message = (
        f"Expected an image of at least {least} x {least} and at most {MOST_PIXELS} pixels in {name}. "
        "Received: width, height and item"
    )
    with tf.control_dependencies([tf.debugging.Assert(fits, [message, width, height, item])]):
        return tf.identity(encoded)


def is_png(encoded: tf.Tensor) -> tf.Tensor:
    """Whether a scalar string starts as a PNG file with its header does."""
    return tf.logical_and(
        tf.strings.length(encoded) >= _PNG_HEADER, tf.strings.substr(encoded, 0, len(_PNG)) == _PNG
    )


def _png_size(encoded):
    width, height = (
        tf.io.decode_raw(tf.strings.substr(encoded, start, 4), tf.int32, little_endian=False)
        for start in (16, 20)
    )
    return tf.concat([height, width], axis=0)  # (2,)


def _jpeg_size(encoded):
    return tf.io.extract_jpeg_shape(encoded)[:2]
