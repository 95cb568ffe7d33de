"""Changed files of every kind that strangers send: read, or refused in words, at once."""

import resource
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))
import targets
from mutations import mutate
from targets import LONGEST, MOST_MEMORY, TARGETS
from watch import Forbidden, only_below

from dualatme_keras.errors import DualATMEError


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.examples])
def test_changed_files(name, tmp_path, tmp_path_factory, monkeypatch):
    target = TARGETS[name]
    if name.startswith("request"):
        from tiny_export import tiny_export  # which imports TensorFlow

        monkeypatch.setattr(targets, "SERVED", tiny_export(tmp_path_factory))
    examples, read = target.begin(tmp_path)
    for example in examples:
        read(example)  # as it is, it is read

    @settings(
        max_examples=target.examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(example=st.sampled_from(examples), rng=st.randoms(use_true_random=False))
    def check(example, rng):
        content = mutate(example, rng)
        begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            with only_below(tmp_path):
                read(content)
        except DualATMEError:
            pass
        assert time.process_time() - begun < LONGEST
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY // 1024  # KiB

    check()


def test_what_is_done_elsewhere_is_seen(tmp_path):
    (tmp_path / "kept").write_text("")
    below = tmp_path / "below"
    below.mkdir()
    with only_below(below):
        (below / "mine").write_text("")
        (tmp_path / "kept").read_text()
        for deed in (
            lambda: (tmp_path / "other").write_text(""),
            lambda: (tmp_path / "kept").unlink(),
            lambda: (below / "mine").rename(tmp_path / "kept"),
            lambda: __import__("os").system("true"),
            lambda: __import__("subprocess").run(["true"]),
        ):
            with pytest.raises(Forbidden):
                deed()
    assert (tmp_path / "kept").exists()
