import sys
import tempfile
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

from odoo.tests import BaseCase, TransactionCase, tagged

from ..models import projections, sources
from ..models.support.rooms import warn_of_unloaded_files
from .common import SalesOrganisation, sources_declared
from .examples import classes_of, code_of


@tagged("post_install", "-at_install")
class TestHowToAddACapturedModel(SalesOrganisation, TransactionCase):
    def test_a_tag_that_lives_and_dies(self):
        self.enterContext(sources_declared(self.env))
        classes_of(code_of("how-to/add-a-captured-model.md"), "sources")
        self.env["cqrs.source"]._sync(is_built=True)
        tag = self.env["crm.tag"].create({"name": "Urgent", "color": 1})
        self.env.cr.flush()
        tag.name = "Very urgent"
        self.env.cr.flush()
        tag.color = 2
        events = self.events(tag)
        tag.unlink()
        events += self.events(tag)[len(events) :]
        self.assertEqual(
            [type_ for __, type_, *__ in events],
            ["TagCreated", "TagRenamed", "TagUpdated", "TagDeleted"],
        )


@tagged("post_install", "-at_install")
class TestFilesThatAreNotLoaded(BaseCase):
    def test_every_file_is_loaded(self):
        for package in (sources, projections):
            with self.subTest(package.__name__), self.assertNoLogs("odoo.addons"):
                warn_of_unloaded_files(package.__name__)

    def test_one_that_is_not_is_named(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("__init__.py", "loaded.py", "forgotten.py", ".#loaded.py"):
            (folder / name).touch()
        package = ModuleType("room")
        package.__file__ = str(folder / "__init__.py")
        modules = {"room": package, "room.loaded": ModuleType("room.loaded")}
        self.enterContext(patch.dict(sys.modules, modules))
        with self.assertLogs("odoo.addons.crm_cqrs.models.support.rooms") as logs:
            warn_of_unloaded_files("room")
        [line] = logs.output
        self.assertIn(
            f"{folder}/forgotten.py is not loaded: import it in {folder}/__init__.py",
            line,
        )
