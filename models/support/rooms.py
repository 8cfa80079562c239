"""A warning for a file that Odoo does not load."""

import logging
import sys
from pathlib import Path

_logger = logging.getLogger(__name__)


def warn_of_unloaded_files(package: str):
    """Warn of the files of a package that its ``__init__.py`` does not import.

    Nothing else would tell: the models in them are simply not there.
    """
    init = Path(sys.modules[package].__file__)
    for path in sorted(init.parent.glob("*.py")):
        if (
            path.stem.isidentifier()
            and path != init
            and f"{package}.{path.stem}" not in sys.modules
        ):
            _logger.warning("%s is not loaded: import it in %s", path, init)
