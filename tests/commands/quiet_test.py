"""Commands say what they have to say, without TensorFlow's introduction; what goes wrong is still seen."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "recognition"))
from small_runs import write_run


def called(*arguments, **environment):
    """A process; `environment` beside the present one, in which TensorFlow's level is not set."""
    inherited = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=inherited | environment, timeout=120)


def test_a_command_has_standard_error_to_itself(tmp_path):
    write_run(tmp_path / "run", folds=0)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    ended = called(
        *("-m", "dualatme_keras.commands.predict", tmp_path / "broken.mp4"),
        *(f"--run={tmp_path / 'run'}", f"--output={tmp_path / 'out.csv'}"),
    )
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"failed: {tmp_path / 'broken.mp4'}: Expected a video. Received:")
    assert ended.returncode == 1


@pytest.fixture
def stand_in(tmp_path):
    """Puts a package named tensorflow, with the given end of its import, before the real one."""

    def write(end):
        (tmp_path / "tensorflow").mkdir()
        told = 'import os\nos.write(2, b"told by C++\\n")\n'
        (tmp_path / "tensorflow" / "__init__.py").write_text(told + end)
        return {"PYTHONPATH": str(tmp_path)}

    return write


IMPORT = "import dualatme_keras.commands, tensorflow, os; os.write(2, b'after\\n')"


def test_only_the_import_is_quiet(stand_in):
    assert called("-c", IMPORT, **stand_in("")).stderr == "after\n"


@pytest.mark.parametrize(
    ("end", "code", "seen"),
    [
        ("raise ImportError('libcudart')", 1, "ImportError: libcudart"),
        ("os.abort()", -signal.SIGABRT, "told"),
    ],
)
def test_why_an_import_fails_is_shown(end, code, seen, stand_in):
    ended = called("-c", IMPORT, **stand_in(end))
    assert ended.returncode == code
    assert "told by C++\n" in ended.stderr
    assert seen in ended.stderr


def test_workers_are_quiet(stand_in):
    work = "\n".join(
        (
            "from dualatme_keras.commands import quiet_libraries",
            "from dualatme_keras.workers import ProcessExecutor",
            "quiet_libraries()",
            "def work(job): import tensorflow, os; os.write(2, b'after\\n')",
            "def new_worker(): return work",
            "list(ProcessExecutor(2).run(new_worker, [1, 2]))",
        )
    )
    ended = called("-c", work, **stand_in(""))
    assert (ended.returncode, ended.stderr) == (0, "after\n" * 2)


def test_what_the_user_wants_to_see_is_shown(stand_in):
    ended = called("-c", IMPORT, **stand_in(""), TF_CPP_MIN_LOG_LEVEL="0")
    assert ended.stderr == "told by C++\nafter\n"


def test_the_library_leaves_standard_error_and_environment_alone(stand_in):
    told = "print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'))"
    ended = called("-c", f"import os, dualatme_keras, tensorflow; {told}", **stand_in(""))
    assert (ended.stderr, ended.stdout) == ("told by C++\n", "None\n")
