"""The layers of the addon, read from its imports.

Each room of ``models/`` imports the rooms below it. Each test states one
law and also shows that one import too many breaks it.
"""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from odoo.tests import BaseCase, tagged

ROOT = Path(__file__).parent.parent
ADDON = ("odoo", "addons", "crm_cqrs")

#: The folders and files whose imports are read
READ = ("models", "controllers", "cli", "migrations", "devtools", "benchmarks", "demo")

#: ``models/__init__.py`` loads every room; the others run maintenance by name
COMMAND_LINE = ("models", "cli", "hooks", "migrations")


class Import(NamedTuple):
    """One import of this addon's own code.

    :ivar file: relative to the addon, e.g. ``models/live/changed.py``
    :ivar module: the dotted name, e.g. ``models.live.announcer.announcer``
    """

    file: str
    module: str

    @property
    def importer(self) -> str:
        return _room(self.file.removesuffix(".py").split("/"))

    @property
    def imported(self) -> str:
        return _room(self.module.split("."))


def _room(parts: list[str]) -> str:
    """Return the room of a file or module: ``models/live``, ``controllers``."""
    has_rooms = parts[0] in ("models", "devtools")
    is_in_room = has_rooms and parts[1:] and (ROOT / parts[0] / parts[1]).is_dir()
    return "/".join(parts[:2]) if is_in_room else parts[0]


#: Takes imports and returns those that break the law
Law = Callable[[Iterable[Import]], list[Import]]


def imports_of(file: str, code: str) -> list[Import]:
    """Return the imports of this addon's own code in a file."""
    package = tuple(file.split("/")[:-1])
    modules = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules += [tuple(each.name.split(".")) for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                base = package[: len(package) - node.level + 1] + base
            modules += [(*base, each.name) for each in node.names]
    own = [m[len(ADDON) :] if m[: len(ADDON)] == ADDON else m for m in modules]
    return [Import(file, ".".join(m)) for m in own if m and m[0] in (*READ, "hooks")]


@cache
def all_imports() -> list[Import]:
    files = [ROOT / "hooks.py"]
    for folder in READ:
        files += sorted((ROOT / folder).rglob("*.py"))
    return [
        each
        for file in files
        for each in imports_of(file.relative_to(ROOT).as_posix(), file.read_text())
    ]


def imports_only(importer: str, *allowed: str) -> Law:
    """Return the law that a room imports nothing but itself and the allowed ones."""
    return lambda imports: [
        each
        for each in imports
        if fnmatch(each.importer, importer)
        and each.imported != each.importer
        and not any(fnmatch(each.imported, pattern) for pattern in allowed)
    ]


def is_imported_only_by(imported: str, *allowed: str) -> Law:
    """Return the law that only a room itself and the allowed ones import it."""
    return lambda imports: [
        each
        for each in imports
        if each.imported == imported and each.importer not in (imported, *allowed)
    ]


def has_no_circle(imports: Iterable[Import]) -> list[Import]:
    """Return the imports that make a circle of rooms of *models*, or *devtools*."""
    below = defaultdict(set)
    for each in imports:
        is_room = "/" in each.importer and "/" in each.imported
        if is_room and each.imported != each.importer:
            below[each.importer].add(each.imported)
    try:
        TopologicalSorter(below).prepare()
    except CycleError as error:
        circle = error.args[1]
        return [i for i in imports if i.importer in circle and i.imported in circle]
    return []


@tagged("post_install", "-at_install")
class TestLayers(BaseCase):
    def assert_holds(self, law: Law, file: str, code: str):
        """Assert that the addon keeps a law, and that one more import breaks it."""
        imports = all_imports()
        self.assertEqual(law(imports), [])
        [put_back] = imports_of(file, code)
        self.assertIn(put_back, law([*imports, put_back]))

    def test_support_imports_nothing_of_this_addon(self):
        self.assert_holds(
            imports_only("models/support"),
            "models/support/read_only.py",
            "from ..event_store.chain import event_hash",
        )

    def test_event_store_imports_support_alone(self):
        self.assert_holds(
            imports_only("models/event_store", "models/support"),
            "models/event_store/event.py",
            "from ..history.changes import describe_changes",
        )
        self.assert_holds(
            imports_only("models/event_store", "models/support"),
            "models/event_store/capture.py",
            "def f():\n    from odoo.addons.crm_cqrs.models import projections",
        )

    def test_sources_import_the_event_store_alone(self):
        self.assert_holds(
            imports_only("models/sources", "models/event_store"),
            "models/sources/crm_lead.py",
            "from ..support import versions",
        )

    def test_maintenance_is_imported_by_the_command_line_alone(self):
        self.assert_holds(
            is_imported_only_by("models/maintenance", *COMMAND_LINE),
            "controllers/dashboard.py",
            "from ..models.maintenance.status import status",
        )
        self.assert_holds(
            is_imported_only_by("models/maintenance", *COMMAND_LINE),
            "models/dashboard/dashboard.py",
            "from .. import maintenance",
        )

    def test_rooms_import_each_other_in_no_circle(self):
        self.assert_holds(
            has_no_circle,
            "models/access/access.py",
            "from ..dashboard import reports",
        )
        self.assert_holds(
            has_no_circle,
            "devtools/bootstrap/odoo.py",
            "from ..databases import cluster",
        )

    def test_models_import_no_controller(self):
        self.assert_holds(
            imports_only("models/*", "models/*"),
            "models/api/v1/reader.py",
            "from ....controllers.problems import KINDS",
        )
        self.assert_holds(
            imports_only("models/*", "models/*"),
            "models/live/changed.py",
            "import devtools.databases.cluster",
        )

    def test_controllers_import_models_alone(self):
        self.assert_holds(
            imports_only("controllers", "models/*"),
            "controllers/v1.py",
            "from .. import hooks",
        )

    def test_devtools_import_nothing_that_runs_in_odoo(self):
        self.assert_holds(
            imports_only("devtools*", "devtools*", "demo", "benchmarks"),
            "devtools/demo.py",
            "from odoo.addons.crm_cqrs.models.support import exact_json",
        )
        self.assert_holds(
            imports_only("devtools*", "devtools*", "demo", "benchmarks"),
            "devtools/web/page.py",
            "from controllers.problems import KINDS",
        )

    def test_models_holds_nothing_but_rooms(self):
        loose = [
            each.name
            for each in (ROOT / "models").iterdir()
            if each.suffix == ".py" and each.name != "__init__.py"
        ]
        self.assertEqual(loose, [])
        rooms = {each.parent.name for each in (ROOT / "models").glob("*/__init__.py")}
        [imported] = ast.parse((ROOT / "models/__init__.py").read_text()).body
        self.assertEqual({each.name for each in imported.names}, rooms)

    def test_each_way_to_import_is_read(self):
        code = (
            "import json\n"
            "from . import reader, usage\n"
            "from ...support.versions import table\n"
            "from odoo.addons.crm_cqrs import hooks\n"
            "def late():\n"
            "    import odoo.addons.crm_cqrs.models.maintenance.replay\n"
        )
        self.assertEqual(
            [each.module for each in imports_of("models/api/v1/x.py", code)],
            [
                "models.api.v1.reader",
                "models.api.v1.usage",
                "models.support.versions.table",
                "hooks",
                "models.maintenance.replay",
            ],
        )
