"""From images on disk to batches: decoded once and kept, or where they are too many, when they are needed."""

import functools
import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from dualatme_keras.data.clips import Clip
from dualatme_keras.data.paths import find_image, puzzled_path
from dualatme_keras.errors import DualATMEError
from dualatme_keras.video import check_size, opened_image
from dualatme_keras.workers import available_memory

INPUTS = ("entire", "puzzled")

_SHARE = 4
"""Decoded images may take this part of the memory that is left: folds, workers and the rest need some too."""

_CHUNK = 256
"""Files that are decoded at one time."""

_AHEAD = 2
"""Batches that are read from files before they are asked for."""


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
    """The images and labels of all clips of a run, of which every fold takes its part.

    They are decoded once and kept in memory, or, where that would take too much of it, read from their files
    anew whenever they are asked for, batch by batch. Values and order of the clips are the same.

    Args:
        clips: the clips; one that stands in several folds is given once or equal each time.
        image_size: side of the square images in pixels.
        inputs: which images to read, `"entire"` and `"puzzled"` or one of them.
        data_root: where the images lie, see `find_image`.
        memory: bytes that decoded images may take; None for a quarter of what this process may still take.

    Attributes:
        in_memory: whether the decoded images are kept.
        decoded_bytes: size of all images once they are decoded.

    Raises:
        DualATMEError: an image is missing or cannot be decoded; names it.
    """

    def __init__(
        self,
        clips: Iterable[Clip],
        image_size: int = 28,
        inputs: Sequence[str] = INPUTS,
        data_root: str | os.PathLike | None = None,
        memory: int | None = None,
    ):
        if not inputs or set(inputs) - set(INPUTS):
            raise DualATMEError(f"Expected inputs out of {', '.join(INPUTS)}. Received: {inputs}.")
        databases = {clip.path: clip.database for clip in clips}
        self._rows = {path: row for row, path in enumerate(databases)}
        self._size = image_size
        entire = [find_image(path, data_root) for path in self._rows]
        paths = {"entire": entire}
        if "puzzled" in inputs:
            paths["puzzled"] = [puzzled_path(path) for path in entire]
        shape = (len(entire), image_size, image_size, 3)
        self.decoded_bytes = 4 * math.prod(shape) * len(inputs)
        allowed = available_memory() // _SHARE if memory is None else memory
        self.in_memory = self.decoded_bytes <= allowed
        self._images = {name: np.empty(shape, "float32") for name in inputs} if self.in_memory else {}
        self._paths = {} if self.in_memory else {name: paths[name] for name in inputs}
        # Read once in either case: an image that is no image is told before anything is trained.
        self._digests = self._read({name: paths[name] for name in inputs}, np.array([*databases.values()]))

    def _read(self, paths, databases):
        """Decodes all files, keeps the images where they are kept, and digests them by database."""
        digests = {name: hashlib.sha256() for name in np.unique(databases).tolist()}
        for name, files in paths.items():
            for digest in digests.values():
                digest.update(name.encode())
            first = 0
            for images in _decode_files(files, self._size):
                rows = slice(first, first + len(images))
                first = rows.stop
                if self.in_memory:
                    self._images[name][rows] = images
                for database in np.unique(databases[rows]).tolist():
                    digests[database].update(images[databases[rows] == database].tobytes())
        return {database: digest.hexdigest() for database, digest in digests.items()}

    def __getstate__(self):
        return {**vars(self), "_images": {name: np.asarray(images) for name, images in self._images.items()}}

    @property
    def images(self) -> dict[str, tf.Tensor]:
        """The images by the name of the input, float32 `(clips, size, size, 3)` in [-1, 1].

        Raises:
            DualATMEError: they are not in memory.
        """
        if not self.in_memory:
            raise DualATMEError(
                f"Expected a table in memory. Received: one of {self.decoded_bytes} bytes once decoded, "
                "which reads its files. Ask for a `dataset`, or give `memory`."
            )
        # In another process they stay arrays until they are used: a tensor would start TensorFlow, whose
        # threads can be set before only. One after the other, so that few are there twice.
        with tf.device("CPU:0"):  # batches are taken from it there; a GPU's memory has other uses
            for name in self._images:
                self._images[name] = tf.convert_to_tensor(self._images[name])
        return self._images

    @property
    def nbytes(self) -> int:
        """What the images take of memory."""
        return self.decoded_bytes if self.in_memory else 0

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
            and int64 `(batch,)`. Where images are not in memory and a file has gone, it raises an error of
            TensorFlow; `find_unreadable` says which.
        """
        rows = np.array([self._rows[clip.path] for clip in clips], dtype="int64")
        labels = np.array([clip.label for clip in clips], dtype="int64")
        dataset = tf.data.Dataset.from_tensor_slices((rows, labels))
        if shuffle_seed is not None:
            dataset = dataset.shuffle(len(rows), seed=shuffle_seed, reshuffle_each_iteration=True)
        options = tf.data.Options()
        # The rows are in memory, so several devices share them by element, not by file.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
        batches = self._from_memory if self.in_memory else self._from_files
        return batches(dataset, batch_size).with_options(options)

    def _from_memory(self, dataset, batch_size):
        images = self.images

        def gather(rows, labels):
            return {name: tf.gather(images[name], rows) for name in images}, labels

        return dataset.batch(batch_size).map(gather).prefetch(tf.data.AUTOTUNE)

    def _from_files(self, dataset, batch_size):
        paths = {name: tf.constant(files) for name, files in self._paths.items()}

        def read(row, label):
            return {name: _decode_file(files[row], self._size) for name, files in paths.items()}, label

        images = dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        # Not as many as there is memory for: the point is to need little.
        return images.batch(batch_size).prefetch(_AHEAD)

    def digests(self) -> dict[str, str]:
        """SHA-256 of the decoded images of each database, in the order of the clips: tells whether two runs
        saw the same images, wherever those lay."""
        return dict(self._digests)

    def find_unreadable(self) -> DualATMEError | None:
        """Looks for a file that cannot be read any more; None where there is none, or all is in memory."""
        files = [path for files in self._paths.values() for path in files]
        return _unreadable_image(files, self._size)


def _decode_file(path, size):
    return decode_image(tf.io.read_file(path), size)


def _decode_files(paths, size) -> Iterator[np.ndarray]:
    """Decodes files in parallel; yields some at a time, in order: `(some, size, size, 3)` in [-1, 1]."""
    for path in paths:
        _check_header(path)
    dataset = tf.data.Dataset.from_tensor_slices(paths)
    decode = functools.partial(_decode_file, size=size)
    dataset = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    try:
        yield from dataset.batch(_CHUNK).as_numpy_iterator()
    except tf.errors.OpError as error:
        # The error of a whole pipeline does not name its file.
        raise _unreadable_image(paths, size) or error from None


def _check_header(path):
    """Refuses what would take too much memory when it is decoded."""
    if not os.path.isfile(path):
        raise DualATMEError(f"Expected an image. Received: {path}, which is not there.")
    with opened_image(path, ("PNG", "JPEG")) as image:
        check_size(image.height, image.width, path, least=1)


def _unreadable_image(paths, size) -> DualATMEError | None:
    for path in paths:
        try:
            _check_header(path)
            _decode_file(path, size)
        except DualATMEError as error:
            return error
        except tf.errors.OpError as error:
            reason = error.message.split("} ")[-1].split(" [Op:")[0].strip()
            return DualATMEError(
                f"Expected a PNG or JPEG image. Received: {path} ({os.path.getsize(path)} bytes; {reason}). "
                "Is it truncated, or not an image?"
            )
    return None
