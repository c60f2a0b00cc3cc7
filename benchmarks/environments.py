"""An environment of its own for each library, so that none decides another's versions."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

_HERE = Path(__file__).parent


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is set up first if it is not there or not right."""
    requirements = _HERE / "requirements" / f"{name}.txt"
    folder = _HERE / ".environments" / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"Setting up {folder.relative_to(_HERE.parent)} ...", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--requirement", requirements]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        stamp.write_text(wanted)
    return python
