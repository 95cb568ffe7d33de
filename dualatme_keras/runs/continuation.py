"""Whether a run may go on: what it was begun with against what it would go on with, in words."""

from collections.abc import Iterator

from dualatme_keras.choices import PUBLISHED_RECIPE
from dualatme_keras.megc2019 import CLASS_NAMES

CONTINUE_DESPITE = ("version", "implementation", "threads", "device", "unrecorded")
"""Differences despite which a run may be continued: these round differently, or nobody knows whether they are
there. All others would mix two experiments."""

DEFAULTS = {
    **PUBLISHED_RECIPE,
    **dict.fromkeys(("new_model", "callbacks", "augment", "initial_weights_sha256")),
    "class_names": list(CLASS_NAMES),
    "model": "dualatme",
    "flow_normalization": None,
    "audit_protocol": False,
    "select_splits": 3,
    "candidates": None,
    "adamw_decay": None,
}
"""What a record of an earlier version does not have, and what its run had."""


def find_differences(begun: dict, now: dict, may_differ=()) -> Iterator[tuple[str | None, str]]:
    """Compares a run's record with that of the call that would continue it.

    Args:
        begun: the record in config.json: settings, digests and `computed_with`, see
            `devices.describe_computation`.
        now: that of this call.
        may_differ: names of settings that are not compared.

    Yields:
        For each difference its name in `CONTINUE_DESPITE`, or None where it is never passed over, and what
        it is in words, e.g. `batch_size 5 -> 6`, `the images of smic changed`.
    """
    begun, now = ({**DEFAULTS, **record} for record in (begun, now))
    if begun.get("solver") == now.get("solver") == "logistic" and not begun["candidates"]:
        may_differ = (*may_differ, "jit_compile")  # which earlier versions took there too, without effect
    names = sorted({*begun, *now} - {*may_differ})
    unrecorded = [name for name in names if name not in begun]
    for name in names:
        if name in unrecorded or begun[name] == now.get(name):
            continue
        if name == "computed_with":
            yield from _computation(begun[name], now.get(name, {}))
        elif name == "adamw_decay":
            yield None, "adamw without `weight_decay`, which decayed by .004 in the version of then"
        elif name == "lists_sha256":
            yield None, "the lists changed"
        elif name == "images_sha256":
            # Other lists have other images; that is no second difference.
            if begun.get("lists_sha256") == now.get("lists_sha256"):
                yield from (
                    (None, f"the images of {database} changed")
                    for database in _changed(begun[name], now[name])
                )
        else:
            yield from ((None, words) for words in _in_words(name, begun[name], now.get(name)))
    if unrecorded:
        yield "unrecorded", f"a run that did not record {', '.join(unrecorded)}"


def _computation(begun, now):
    for name in _changed(begun, now):
        if name == "versions":
            before, after = begun.get(name, {}), now.get(name, {})
            changed = _changed(before, after)
            for package in changed:
                if package in before:
                    yield "version", f"version of {package} {before[package]} -> {after.get(package)}"
            if new := [package for package in changed if package not in before]:
                yield "unrecorded", f"a run that did not record the version of {', '.join(new)}"
        else:
            before = begun.get(name)
            kept_by_an_argument = before and name in ("implementation", "threads")
            keep = f" (`{name}={before!r}` keeps it)" if kept_by_an_argument else ""
            yield name, f"{name} {before} -> {now.get(name)}{keep}"


def _in_words(name, before, after):
    """Each value that changed, by its dotted name."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in _changed(before, after):
            yield from _in_words(f"{name}.{key}", before.get(key), after.get(key))
    else:
        yield f"{name} {_shown(name, before)} -> {_shown(name, after)}"


def _changed(before, after):
    return [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]


def _shown(name, value):
    return "that of prepare.json" if name == "preparation" and value else repr(value)
