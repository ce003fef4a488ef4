"""The installed wheel, without the folder beside it, has every file that the program reads."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_PACKAGES = ("schemas", "db", "streams", "web", "local", "cli")
_NOT_READ = {".md", ".pyc"}


def test_the_wheel_has_all_files(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    # Built from a copy: a build leaves folders behind where it runs.
    source = tmp_path / "source"
    files = [file for package in _PACKAGES for file in (ROOT / package).rglob("*") if file.is_file()]
    for file in [*files, ROOT / "pyproject.toml", ROOT / "README.md"]:
        copy = source / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    subprocess.run([*command, "-w", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    read = {str(file.relative_to(ROOT)) for file in files if file.suffix not in _NOT_READ}
    assert read - packed == set()
