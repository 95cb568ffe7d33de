import psutil

from dualatme_keras.workers import available_memory

GROUP = "0::/user/container\n"


def _write(folder, limit, used, kept=0):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {kept}\nfile 9\n")


def test_the_narrowest_limit_counts(tmp_path):
    own = tmp_path / "own"
    own.write_text(f"9:name=systemd:/elsewhere\n{GROUP}")
    _write(tmp_path / "user" / "container", "max", 1000)
    _write(tmp_path / "user", 5000, 3000, kept=400)
    assert available_memory(tmp_path, own) == 2400
    _write(tmp_path / "user" / "container", 1500, 1000)
    assert available_memory(tmp_path, own) == 500
    _write(tmp_path / "user" / "container", 1500, 1600)
    assert available_memory(tmp_path, own) == 0
    # Within a container its own group is the root.
    _write(tmp_path, 900, 600)
    own.write_text("0::/\n")
    assert available_memory(tmp_path, own) == 300


def test_without_groups_it_is_the_machines(tmp_path):
    left = available_memory(tmp_path, tmp_path / "own")
    assert abs(left - psutil.virtual_memory().available) < 2**30
