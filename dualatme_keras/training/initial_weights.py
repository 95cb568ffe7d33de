"""Weights from which every fold of a run starts, instead of random ones."""

import functools
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dualatme_keras.choices import initial_weights_file, preset_weights
from dualatme_keras.errors import DualATMEError
from dualatme_keras.models import DualATME, copy_weights, load_model
from dualatme_keras.models.linear import LINEAR_LOGITS
from dualatme_keras.preprocessing import PrepareSettings


def weights_digest(weights: str | os.PathLike | None) -> str | None:
    """SHA-256 of a file of weights or of those of a preset; None without any (`none`).

    Raises:
        DualATMEError: there is no such file.
    """
    if weights in (None, "none"):
        return None
    return hashlib.sha256(_content(os.fspath(weights))).hexdigest()


def sent_weights(weights: str | os.PathLike) -> dict[str, bytes]:
    """What `receive_weights` of a machine that does not have the file needs."""
    if weights == "none" or preset_weights(weights):
        return {}
    return {os.fspath(weights): _content(os.fspath(weights))}


def receive_weights(sent: Mapping[str, bytes]) -> None:
    """From now on, these files have this content in this process."""
    _received.update(sent)


_received: dict[str, bytes] = {}


def _content(weights):
    return _received[weights] if weights in _received else initial_weights_file(weights).read_bytes()


def set_initial_weights(
    model: DualATME,
    weights: str | os.PathLike,
    preparation: PrepareSettings | None = None,
    new_classes: bool = True,
) -> None:
    """Gives a fresh network the weights of a trained one. Where the classes are others, `logits` stays fresh.

    Args:
        model: the network.
        weights: file of weights, or name of a preset that comes with some.
        preparation: how the images were prepared that it will be trained on; None where not known.
        new_classes: whether the classes may be others.

    Raises:
        DualATMEError: the weights are of another architecture, or were trained on images of another encoding
            or normalisation, or tell other classes or action units than they may.
    """
    source = _load(os.fspath(weights), weights_digest(weights))
    known = source.preparation
    if preparation and known and preparation.encoding != known.encoding:
        raise DualATMEError(
            f"Expected images of the encoding {known.encoding!r}, as {weights} was trained on. "
            f"Received: {preparation.encoding!r}."
        )
    fresh = [] if source.class_names == model.class_names else ["logits", LINEAR_LOGITS]
    if fresh and not new_classes:
        raise DualATMEError(
            f"Expected the classes of {weights}, {', '.join(source.class_names)}: `solver='logistic'` leaves "
            f"the network as it is. Received: {', '.join(model.class_names)}. Choose `solver='gradient'`."
        )
    if not source.linear_path:
        fresh.append(LINEAR_LOGITS)
    try:
        copy_weights(source, model, fresh)
    except DualATMEError as error:
        raise DualATMEError(
            f"Expected `initial_weights` of the network that `preset` names (for {weights} of a preset that "
            f"is `preset={os.fspath(weights)!r}`). {error}"
        ) from error
    # What no shape tells.
    kept = () if new_classes else ("action_units",)  # `logistic` leaves what tells them as it is
    for name in ("flow_normalization", *kept):
        given, wanted = (one.get_config()[name] for one in (source, model))
        if given != wanted:
            raise DualATMEError(
                f"Expected `{name}` as {weights} was trained with: {given}. Received: {wanted}."
            )


@functools.lru_cache(maxsize=1)
def _load(weights, digest):
    """The network that was loaded last: every fold starts from it. Another content is another network."""
    if weights not in _received:
        return load_model(weights)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, Path(weights).name)
        file.write_bytes(_received[weights])
        return load_model(file)
