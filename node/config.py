"""Where the data files of the release lie: beside the code, or inside the wheel."""

from pathlib import Path


def config_folder() -> Path:
    """Return the folder `config` of this release."""
    here = Path(__file__).parent
    packaged = here / "config"
    return packaged if packaged.is_dir() else here.parent / "config"
