"""The log file of a MEGC2019 submission: every clip of every fold, truth and prediction."""

import re

from dualatme_keras.data.clips import stem
from dualatme_keras.runs import Predictions

# An image is named [SUBJECT_]CLIP_APEX-ONSET_flow.png; apex and onset are names of frames.
_CLIPS = {
    "casme2": re.compile(r"(?:sub\d+_)?(EP\d+(?:_\d+){0,2}f?)(?=_|$)"),
    "samm": re.compile(r"(?:\d{3}_)?(\d{3}_\d{1,2}_\d{1,2})(?=_|$)"),
    "smic": re.compile(r"(?:s\d+_)?(s\d+_(?:ne|po|sur)_\d+)(?=_|$)"),
}


def clip_name(path: str, database: str) -> str:
    """The clip's name in the organisers' list, from the path of its image.

    Args:
        path: path of the image, e.g. `casme2/flow/sub01_EP02_01f_img59-img46_flow.png`, with slashes of
            either kind.
        database: its name; those of `megc2019.DATABASES` have a convention.

    Returns:
        E.g. `EP02_01f` (CASME II), `006_1_2` (SAMM), `s01_ne_01` (SMIC). Where a name does not follow
        the database's convention, or it has none, it is returned whole, without extension and `_flow`.
    """
    name = re.sub(r"_flow(_puzzle)?$", "", stem(path))
    match = _CLIPS[database].match(name) if database in _CLIPS else None
    return match.group(1) if match else name


def format_challenge_log(predictions: Predictions, missing: str | None = None) -> str:
    """Writes the predictions in the organisers' format.

    Args:
        predictions: pooled over folds; a fold is one subject of one database.
        missing: where folds are missing, how many are there, e.g. `3 of 68 folds`.

    Returns:
        Per fold a line `DATABASE SUBJECT`, a line `CLIP TRUTH PREDICTION` for each clip and an empty
        line; folds and clips in the order of their first appearance. SAMM's numbers have three digits.
        Where folds are missing, a comment in front says so: such a log is no submission.
    """
    folds = {}
    for path, subject, database, label, prediction in zip(
        predictions.paths,
        predictions.subjects,
        predictions.databases,
        predictions.labels,
        predictions.predictions,
        strict=True,
    ):
        subject = subject.zfill(3) if database == "samm" else subject
        clip = _one_word(clip_name(path, database))
        folds.setdefault(f"{database} {_one_word(subject)}", []).append(f"{clip} {label} {prediction}")
    note = f"# {missing}: not a submission\n" if missing else ""
    return note + "".join("\n".join([fold, *clips, "", ""]) for fold, clips in folds.items())


def _one_word(text):
    """The log's columns are parted by blanks, so a name must hold none."""
    return re.sub(r"\s+", "_", text)
