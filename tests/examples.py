"""Running the code of the documents."""

import re
from pathlib import Path

from odoo.orm.model_classes import add_to_registry
from odoo.orm.models import MetaModel

ADDON = "crm_cqrs"
DOCS = Path(__file__).parent.parent / "docs"


def code_of(document: str) -> str:
    """Return the Python of a document's one fenced block."""
    [code] = re.findall(
        r"^```python\n(.*?)^```$",
        (DOCS / document).read_text(),
        re.MULTILINE | re.DOTALL,
    )
    return code


def classes_of(code: str, room: str) -> list[type]:
    """Return the model definitions of a file in a folder of ``models/``."""
    package = f"odoo.addons.{ADDON}.models.{room}"
    defined = MetaModel._module_to_models__[ADDON]
    before = len(defined)
    exec(  # noqa: S102  pylint: disable=exec-used
        code, {"__name__": f"{package}.example", "__package__": package}
    )
    classes = defined[before:]
    # Registries that are loaded later are not to have them.
    del defined[before:]
    return classes


def add_models(test, *classes: type):
    """Add model definitions to the registry, until the test ends.

    Return the function that removes them sooner.
    """
    registry, cr = test.registry, test.env.cr
    names = [cls._name for cls in classes]
    former = {n: registry[n]._base_classes__ for n in names if n in registry}

    def remove():
        for name in names:
            if name in former:
                registry[name]._base_classes__ = former[name]
            elif name in registry:
                del registry[name]
        registry._setup_models__(cr, list(former))

    test.addCleanup(remove)
    for cls in classes:
        add_to_registry(registry, cls)
    registry._setup_models__(cr, names)
    return remove
