"""Where the files that lie beside the package are: in a checkout or, once installed, under share/submitter."""

import sys
from pathlib import Path

from submitter.errors import ConfigError


def resource(name: str) -> Path:
    """
    The absolute path of `executeSubmission.py`, `sql` or `executor_image`.

    Raises:
        ConfigError: this installation lacks it.
    """
    checkout = Path(__file__).resolve().parent.parent
    for root in (checkout, Path(sys.prefix) / "share" / "submitter"):
        if (root / name).exists():
            return root / name
    raise ConfigError(f"{name} is missing from this installation of submitter: install it again")
