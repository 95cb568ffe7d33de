import subprocess
import sys

import pytest

from dualatme_keras import data


def test_importing_the_package_does_not_import_tensorflow():
    code = "import sys, dualatme_keras.data; print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="nope"):
        _ = data.nope


def test_every_public_name_is_listed():
    assert set(data.__all__) <= set(dir(data))
