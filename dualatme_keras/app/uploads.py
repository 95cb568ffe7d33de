"""Files that people drop on the page: taken, looked at, deleted."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dualatme_keras.errors import DualATMEError
from dualatme_keras.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES, Clip, check_frame_count, frame_number

MOST_BYTES = 200 * 2**20
"""Of a file, and of all files of a clip."""

MOST_FRAMES = 3000
"""Of a video or folder: a hundred seconds at 30 frames a second."""


class Upload:
    """Files of one clip, in a folder of their own, which `close` deletes. A context manager.

    The files are moved there at once: where the page's server had put them nobody finds them any more.

    Args:
        files: as the server stored them.
        folder: in which the new folder is made.

    Raises:
        DualATMEError: two files have one name, or all together are too large.
    """

    def __init__(self, files: Sequence[str | os.PathLike], folder: str | os.PathLike):
        self._own = tempfile.TemporaryDirectory(prefix="clip_", dir=folder)
        self._files, self._bytes = [], 0
        try:
            for file in map(Path, files):
                self._take(file)
        except BaseException:
            self.close()
            raise
        finally:
            for file in map(Path, files):
                file.unlink(missing_ok=True)

    def _take(self, file):
        target = Path(self._own.name) / file.name
        if target.exists():
            raise DualATMEError(
                f"Expected frames of different names. Received: {file.name} more than once. Drop one folder."
            )
        if not file.is_file():
            raise DualATMEError(
                f"Expected a file. Received: {file.name}, which is deleted already: the same file was being "
                "answered. Drop it again."
            )
        os.replace(file, target)
        self._files.append(target)
        self._bytes += target.stat().st_size
        if self._bytes > MOST_BYTES:
            raise DualATMEError(f"Expected at most {MOST_BYTES >> 20} MB. Received: more.")

    def close(self) -> None:
        """Deletes the files."""
        self._own.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def clip(self) -> tuple[Clip, str]:
        """What the files are, as `Recognizer.recognize` takes it, and a name for it.

        A video; two images, onset and apex in the order of their numbers and names, but that one called apex
        is last; or the frames of a folder, in which other files than images do not count.

        Raises:
            DualATMEError: they are none of these, or too many frames.
        """
        videos = [file for file in self._files if file.suffix.lower() in VIDEO_SUFFIXES]
        images = [file for file in self._files if file.suffix.lower() in IMAGE_SUFFIXES]
        images.sort(key=lambda file: (frame_number(file) or 0, file.name))
        if len(videos) == 1 and len(self._files) == 1:
            check_frame_count(videos[0], MOST_FRAMES)
            return videos[0], videos[0].stem
        if videos or len(images) < 2:
            names = ", ".join(file.name for file in self._files[:3]) or "nothing"
            raise DualATMEError(
                f"Expected one video ({', '.join(VIDEO_SUFFIXES)}), or images: two, or the frames of a clip. "
                f"Received: {names}."
            )
        if len(images) > MOST_FRAMES:
            raise DualATMEError(f"Expected at most {MOST_FRAMES} frames. Received: {len(images)}.")
        if len(images) == 2:
            images.sort(key=lambda file: "apex" in file.stem.lower())
            return tuple(images), f"{images[0].stem} to {images[1].stem}"
        return Path(self._own.name), f"{images[0].stem} to {images[-1].stem}"

    def words(self, error: Exception) -> str:
        """What an error says, without the folder that nobody knows of."""
        return str(error).replace(f"{self._own.name}/", "").replace(self._own.name, "the files dropped")
