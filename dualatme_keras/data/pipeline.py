"""From images on disk to batches: each image is decoded once per run and kept in memory."""

import hashlib
import os
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from dualatme_keras.data.clips import Clip
from dualatme_keras.data.paths import find_image, puzzled_path
from dualatme_keras.errors import DualATMEError
from dualatme_keras.video import check_size, opened_image

INPUTS = ("entire", "puzzled")


def decode_image(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes an encoded image into what the network takes; runs in Python and in graphs alike.

    Args:
        encoded: scalar string, a PNG (8 or 16 bits; grey, palette, with or without alpha) or JPEG file.
            Alpha is dropped, grey and palette become RGB.
        size: side of the result in pixels; other sizes are resized by an antialiased bilinear filter.

    Returns:
        float32 `(size, size, 3)` in [-1, 1].

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no such image.
    """
    # Floats keep the precision of 16-bit files; the value range is [0, 1] for every depth.
    image = tf.io.decode_image(encoded, channels=3, dtype=tf.float32, expand_animations=False)
    image.set_shape((None, None, 3))
    image = tf.image.resize(image, (size, size), method="bilinear", antialias=True)
    return image * 2.0 - 1.0


class ImageTable:
    """The images and labels of all clips of a run, in memory, of which every fold takes its part.

    Args:
        clips: the clips; one that stands in several folds is given once or equal each time.
        image_size: side of the square images in pixels.
        inputs: which images to read, `"entire"` and `"puzzled"` or one of them.
        data_root: where the images lie, see `find_image`.

    Raises:
        DualATMEError: an image is missing or cannot be decoded; names it.
    """

    def __init__(
        self,
        clips: Iterable[Clip],
        image_size: int = 28,
        inputs: Sequence[str] = INPUTS,
        data_root: str | os.PathLike | None = None,
    ):
        if not inputs or set(inputs) - set(INPUTS):
            raise DualATMEError(f"Expected inputs out of {', '.join(INPUTS)}. Received: {inputs}.")
        databases = {clip.path: clip.database for clip in clips}
        self._databases = np.array(list(databases.values()))  # of each row
        self._rows = {path: row for row, path in enumerate(databases)}
        entire = [find_image(path, data_root) for path in self._rows]
        paths = {"entire": entire}
        if "puzzled" in inputs:
            paths["puzzled"] = [puzzled_path(path) for path in entire]
        self._images = {name: _decode_files(paths[name], image_size) for name in inputs}

    def __getstate__(self):
        return {**vars(self), "_images": {name: images.numpy() for name, images in self._images.items()}}

    @property
    def images(self) -> dict[str, tf.Tensor]:
        """The images by the name of the input, float32 `(clips, size, size, 3)` in [-1, 1]."""
        # In another process they stay arrays until they are used: a tensor would start TensorFlow, whose
        # threads can be set before only.
        self._images = {name: tf.convert_to_tensor(images) for name, images in self._images.items()}
        return self._images

    @property
    def nbytes(self) -> int:
        """Size of the images in memory."""
        return sum(images.dtype.size * images.shape.num_elements() for images in self.images.values())

    def dataset(
        self, clips: Sequence[Clip], batch_size: int, shuffle_seed: int | None = None
    ) -> tf.data.Dataset:
        """Batches of some of the clips, the last one as small as it comes.

        Args:
            clips: clips of the table.
            batch_size: clips per batch.
            shuffle_seed: seed of an order that is new in each epoch and the same for the same seed; None
                keeps the order of `clips`.

        Returns:
            `tf.data.Dataset` of `(images, labels)`: a dict of float32 `(batch, size, size, 3)` in [-1, 1],
            and int64 `(batch,)`.
        """
        images = self.images

        def gather(rows, labels):
            return {name: tf.gather(images[name], rows) for name in images}, labels

        rows = np.array([self._rows[clip.path] for clip in clips], dtype="int64")
        labels = np.array([clip.label for clip in clips], dtype="int64")
        dataset = tf.data.Dataset.from_tensor_slices((rows, labels))
        if shuffle_seed is not None:
            dataset = dataset.shuffle(len(rows), seed=shuffle_seed, reshuffle_each_iteration=True)
        dataset = dataset.batch(batch_size).map(gather).prefetch(tf.data.AUTOTUNE)
        options = tf.data.Options()
        # The rows are in memory, so several devices share them by element, not by file.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
        return dataset.with_options(options)

    def digests(self) -> dict[str, str]:
        """SHA-256 of the decoded images of each database, in the order of the clips: tells whether two runs
        saw the same images, wherever those lay."""
        digests = {}
        for database in np.unique(self._databases).tolist():
            rows = self._databases == database
            content = b"".join(
                name.encode() + images.numpy()[rows].tobytes() for name, images in self.images.items()
            )
            digests[database] = hashlib.sha256(content).hexdigest()
        return digests


def _decode_files(paths, size) -> tf.Tensor:
    """Decodes files in parallel: `(len(paths), size, size, 3)` in [-1, 1]."""

    def decode(path):
        return decode_image(tf.io.read_file(path), size)

    for path in paths:
        _check_header(path)
    dataset = tf.data.Dataset.from_tensor_slices(paths)
    dataset = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    try:
        return next(iter(dataset.batch(len(paths))))
    except tf.errors.OpError as error:
        # The error of a whole pipeline does not name its file.
        raise _unreadable_image(paths, decode) or error from None


def _check_header(path):
    """Refuses what would take too much memory when it is decoded."""
    if not os.path.isfile(path):
        raise DualATMEError(f"Expected an image. Received: {path}, which is not there.")
    with opened_image(path, ("PNG", "JPEG")) as image:
        check_size(image.height, image.width, path, least=1)


def _unreadable_image(paths, decode) -> DualATMEError | None:
    for path in paths:
        try:
            decode(path)
        except tf.errors.OpError as error:
            reason = error.message.split("} ")[-1].split(" [Op:")[0].strip()
            return DualATMEError(
                f"Expected a PNG or JPEG image. Received: {path} ({os.path.getsize(path)} bytes; {reason}). "
                "Is it truncated, or not an image?"
            )
    return None
