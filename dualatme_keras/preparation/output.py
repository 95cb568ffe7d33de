"""The output of a preparation: what is finished, and how each clip came about."""

import csv
import dataclasses
import io
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dualatme_keras.data.records import ClipRecord
from dualatme_keras.errors import DualATMEError
from dualatme_keras.files import read_json, replace_file, wrong_fields
from dualatme_keras.megc2019 import CLASS_NAMES
from dualatme_keras.preprocessing import (
    LANDMARK_COLUMNS,
    SETTINGS_FILE,
    OnsetApex,
    PreparedClip,
    PrepareSettings,
    differing_settings,
    draw_contact_sheet,
    prepare_onset_apex,
    read_settings,
)
from dualatme_keras.versions import installed_versions
from dualatme_keras.video import image_file, open_frames

_PACKAGES = ("dualatme-keras", "mtcnn", "numpy", "opencv-contrib-python-headless", "opencv-contrib-python")

COLUMNS = (
    "name",
    "database",
    "subject",
    "clip",
    "label",
    "emotion",
    "action_units",
    "path",
    "onset",
    "apex",
    "apex_found",
    "offset",
    "landmarks_from",
    *LANDMARK_COLUMNS,
    "doubts",
    *(f"{box}_{side}" for box in ("left", "right", "mouth") for side in ("top", "left", "bottom", "right")),
    "flow_mean",
    "flow_max",
    "source",
    "warnings",
)
"""Columns of manifest.csv. Landmarks are pixels of the onset frame, boxes fractions of the aligned face, flow
pixels of the aligned face."""

_NUMBER = (int, float)
_KINDS = {
    **dict.fromkeys(("subject", "emotion", "apex_found"), str),
    **dict.fromkeys(("label", "onset", "apex"), int),
    **dict.fromkeys((*LANDMARK_COLUMNS, "flow_max"), _NUMBER),
    "origin": dict,
    "class_names": list,
}
_KINDS_OF_ORIGIN = {"dataset": str, "landmarks": (str, list)}
"""What a clip's record is read for."""


class PreparedFolder:
    """Folder with the images of one or several databases.

    Each clip leaves its images and then a record, `DATABASE/clips/NAME.json`, which marks it finished and
    tells what it was made from: a preparation that was stopped at any point can be continued.

    Args:
        path: the folder, created where absent.
        settings: written to prepare.json, with the versions used last; all images of a folder have the same,
            but for where landmarks come from.
        class_names: of the labels 0, 1, ...
        keep_flow: whether a finished clip has its flow fields too.

    Raises:
        DualATMEError: the folder holds images of other settings.
    """

    def __init__(
        self,
        path,
        settings: PrepareSettings,
        class_names: Sequence[str] = CLASS_NAMES,
        keep_flow: bool = False,
    ):
        self.path = Path(path)
        self._settings = dataclasses.asdict(settings)
        self._class_names, self._keep_flow = list(class_names), keep_flow
        versions = {"versions": dict.fromkeys(_PACKAGES) | installed_versions(_PACKAGES)}
        file = self.path / SETTINGS_FILE
        changes = differing_settings(read_settings(file), settings) if file.exists() else []
        if changes:
            raise DualATMEError(
                f"Expected the settings of the images in {self.path}. Received: {', '.join(changes)}. "
                f"Choose another `output`, or delete {file} and the folders of the databases there."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self._write(file, (json.dumps(self._settings | versions, indent=2) + "\n").encode())

    def finished(self, record: ClipRecord, origin: dict) -> bool:
        """Whether a clip's files are complete and were made from this origin (see `runner.clip_origin`)."""
        row = self._row(record)
        if row is None:
            return False
        files = [*self._images(row), *([self._flow_file(row)] if self._keep_flow else [])]
        if not all(file.is_file() for file in files):
            return False
        # Records of earlier versions do not tell of the choice of the face, which was the largest, nor of the
        # video.
        earlier, now = {"face": "largest", "file": origin["file"]} | row["origin"], dict(origin)
        before, given = earlier.pop("landmarks"), now.pop("landmarks")
        if isinstance(given, str):
            return earlier == now and before == given
        # Landmarks of an earlier manifest are the same landmarks, wherever they came from first.
        for each in (earlier, now):
            del each["face"]
        own = [row[column] for column in LANDMARK_COLUMNS]
        return earlier == now and bool(np.allclose(own, given, atol=0.006))

    def frames(self, record: ClipRecord) -> str | None:
        """Folder or video that a finished clip was made from; None where it is not finished."""
        row = self._row(record)
        return row and row["origin"].get("frames")

    def relabel(self, record: ClipRecord, origin: dict) -> bool:
        """Brings what the annotation says into the record of a finished clip; tells whether that was news."""
        row = self._row(record)
        names = ("label", "emotion", "action_units", "source")
        known = row | {name: getattr(record, name) for name in names}
        known |= {"warnings": _told(record), "class_names": self._class_names}
        # From now on a rewritten video is noticed, also of a record of an earlier version.
        known["origin"] = row["origin"] | {"file": origin["file"]}
        if known != row:
            self._write_row(known)
        return known["label"] != row["label"]

    def forget(self, record: ClipRecord) -> None:
        """Takes a clip, if it was finished, out of manifest, preview and lists; its images stay."""
        self._record_file(record.database, record.name).unlink(missing_ok=True)

    def leave_out(self, rows: Sequence[dict]) -> list[str]:
        """Takes clips, rows of `manifest_rows`, out of manifest, preview and lists; returns their names."""
        for row in rows:
            self._record_file(row["database"], row["name"]).unlink()
        return [row["name"] for row in rows]

    def strip(self, row: dict) -> Path:
        """The picture of a clip for the preview."""
        return self.path / row["database"] / "preview" / f"{row['name']}.jpg"

    def clip_files(self, record: ClipRecord, clip: PreparedClip, origin: dict) -> dict[Path, bytes]:
        """The files of a clip in the order in which they are to be written, its record last."""
        row = _manifest_row(record, clip, self._settings["landmarks"])
        row |= {"origin": origin, "class_names": self._class_names}
        entire, puzzled, strip = self._images(row)
        files = {entire: image_file(clip.entire), puzzled: image_file(clip.puzzled)}
        if self._keep_flow:
            content = io.BytesIO()
            flows = {"flow": clip.flow, "puzzle_flow": clip.puzzle_flow}
            np.savez_compressed(content, **{name: flow.astype("float16") for name, flow in flows.items()})
            files[self._flow_file(row)] = content.getvalue()
        files[strip] = image_file(draw_contact_sheet(clip), "JPEG", quality=90)
        return files | dict([self._row_file(row)])

    def write_files(self, files: dict[Path, bytes]) -> None:
        """Writes the files of a clip.

        Raises:
            DualATMEError: one cannot be written, e.g. on a full disk; none is left half-written.
        """
        for path, content in files.items():
            self._write(path, content)

    def manifest_rows(self) -> list[dict]:
        """What `read_rows` gives."""
        return read_rows(self.path)

    def write_manifest(self, rows: list[dict]) -> None:
        """Writes manifest.csv from the records, those of `manifest_rows`."""
        content = io.StringIO()
        writer = csv.DictWriter(content, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self._write(self.path / "manifest.csv", content.getvalue().encode())

    def _images(self, row):
        puzzled = self.path / row["database"] / "flow_puzzle" / f"{row['name']}_flow_puzzle.png"
        return self.path / row["path"], puzzled, self.strip(row)

    def _flow_file(self, row):
        return self.path / row["database"] / "flow_raw" / f"{row['name']}.npz"

    def _record_file(self, database, name):
        return self.path / database / "clips" / f"{name}.json"

    def _row(self, record):
        file = self._record_file(record.database, record.name)
        return _read_row(file) if file.is_file() else None

    def _write_row(self, row):
        self._write(*self._row_file(row))

    def _row_file(self, row):
        return self._record_file(row["database"], row["name"]), (json.dumps(row, indent=1) + "\n").encode()

    def _write(self, path, content):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content)
        except OSError as error:
            raise DualATMEError(
                f"Expected to write {path}. Received: {error.strerror or error}. "
                "What is finished is kept; the same command goes on."
            ) from error


def read_rows(path) -> list[dict]:
    """Records of all finished clips of an output, of every database in it, by database and name.

    Raises:
        DualATMEError: a record is not that of the clip that its place says: files are written and removed
            by what records say, and none may lie elsewhere.
    """
    return [_read_row(file) for file in sorted(Path(path).glob("*/clips/*.json"))]


def prepare_again(image: str | os.PathLike) -> PreparedClip:
    """A finished clip with its faces and flow, once more from its frames, as its record and prepare.json say.

    Args:
        image: the clip's flow image in an output of `prepare_database`, as lists name it.

    Raises:
        DualATMEError: there is no record of the clip, or its frames are not there any more.
    """
    record = record_of(image)
    if not record.is_file():
        raise DualATMEError(f"Expected an image of dualatme-prepare, with {record}. Received: none there.")
    row, name = _read_row(record), record.stem
    place, wanted = row["origin"].get("frames"), (row["onset"], row["apex"])
    if not isinstance(place, str) or not os.path.exists(place):
        told = f"nothing at {place}" if place else f"{record}, which does not name the place"
        raise DualATMEError(
            f"Expected the frames of {name} where they were. Received: {told}. dualatme-prepare with --root "
            "at their new place notes it."
        )
    if video_facts(place) != row["origin"].get("file", video_facts(place)):
        raise DualATMEError(
            f"Expected the frames of {name} as they were. Received: {place}, which was changed since. "
            "dualatme-prepare makes the clip anew."
        )
    with open_frames(place, name) as frames:
        if missing := set(wanted) - set(frames.numbers):
            raise DualATMEError(f"Expected frames {wanted} of {name} in {place}. Missing: {min(missing)}.")
        onset_frame, apex_frame = map(frames.read, wanted)
    onset_apex = OnsetApex(
        row["onset"],
        row["apex"],
        row["apex_found"],
        onset_frame,
        apex_frame,
        landmarks=np.reshape([row[column] for column in LANDMARK_COLUMNS], (-1, 2)),
        course=np.zeros(0),
    )
    return prepare_onset_apex(onset_apex, read_settings(record.parents[2] / SETTINGS_FILE))


def video_facts(place: str | os.PathLike) -> list[int] | None:
    """Size and time of change of a video, in bytes and nanoseconds; None for a folder of frames."""
    status = os.stat(place)
    return None if stat.S_ISDIR(status.st_mode) else [status.st_size, status.st_mtime_ns]


def record_of(image: str | os.PathLike) -> Path:
    """Where the record of a clip lies, if `prepare_database` made its flow image."""
    image = Path(image)
    return image.parents[1] / "clips" / f"{image.stem.removesuffix('_flow')}.json"


def _read_row(file):
    database, name = file.parents[1].name, file.stem
    wanted = {"database": database, "name": name, "path": _flow_path(database, name)}
    row = read_json(file)
    found = {column: row.get(column) for column in wanted}
    if found != wanted:
        raise DualATMEError(
            f"Expected the record of clip {name} of {database} in {file}. Received: one of {found}. "
            "To make the clip anew, delete it."
        )
    row = {"class_names": [], **row}  # earlier versions did not tell
    wrong = [*wrong_fields(row, _KINDS), *wrong_fields(row.get("origin"), _KINDS_OF_ORIGIN)]
    if wrong:
        raise DualATMEError(
            f"Expected the record of a prepared clip in {file}. Received: one with a wrong or missing "
            f"{wrong[0]}. To make the clip anew, delete it."
        )
    return row


def _flow_path(database, name):
    return f"{database}/flow/{name}_flow.png"


def _manifest_row(record, clip, landmarks_from):
    magnitude = np.linalg.norm(clip.flow, axis=-1)
    boxes = [name for name in COLUMNS if name.split("_")[-1] in ("top", "left", "bottom", "right")]
    return {
        "name": record.name,
        "database": record.database,
        "subject": record.subject,
        "clip": record.clip,
        "label": record.label,
        "emotion": record.emotion,
        "action_units": record.action_units,
        "path": _flow_path(record.database, record.name),
        "onset": clip.onset,
        "apex": clip.apex,
        "apex_found": clip.apex_found,
        "offset": record.offset,
        "landmarks_from": landmarks_from,
        **dict(zip(LANDMARK_COLUMNS, clip.landmarks.round(2).ravel().tolist(), strict=True)),
        "doubts": "; ".join(clip.doubts),
        **dict(zip(boxes, clip.boxes.round(4).ravel().tolist(), strict=True)),
        "flow_mean": round(float(magnitude.mean()), 4),
        "flow_max": round(float(magnitude.max()), 4),
        "source": record.source,
        "warnings": _told(record),
    }


def _told(record):
    return "; ".join(map(str, record.warnings))
