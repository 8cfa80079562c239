import ast
import os
import sys
import tempfile
import unittest
from importlib.util import cache_from_source
from pathlib import Path

import odoo.http
from odoo.tests import BaseCase, tagged

TESTS = Path(__file__).parent


@tagged("post_install", "-at_install")
class TestEveryTestIsRun(BaseCase):
    def test_each_file_is_imported(self):
        """Odoo runs those that are imported, ``./dev test`` all that there are."""
        [imported] = ast.parse((TESTS / "__init__.py").read_text()).body
        files = [path.stem for path in TESTS.glob("test_*.py")]
        self.assertCountEqual([each.name for each in imported.names], files)

    def test_each_that_begins_first_is_there(self):
        """A file that was renamed would begin last without a word."""
        plugin = TESTS.parent / "devtools" / "pytest" / "crm_cqrs_workers.py"
        [slowest] = [
            ast.literal_eval(each.value)
            for each in ast.parse(plugin.read_text()).body
            if isinstance(each, ast.Assign) and each.targets[0].id == "SLOWEST"
        ]
        files = {path.stem for path in TESTS.rglob("test_*.py")}
        self.assertEqual(set(slowest) - files, set())
        self.assertEqual(len(slowest), len(set(slowest)))

    @unittest.skipUnless(os.environ.get("CRM_CQRS_ODOO"), "needs ./dev test")
    def test_what_python_compiles_is_kept(self):
        """A test that starts Odoo anew would spend as long on compiling it."""
        self.assertTrue(sys.pycache_prefix)
        self.assertTrue(Path(cache_from_source(odoo.http.__file__)).exists())

    def test_what_pages_load_is_not_changed_by_another_command(self):
        """Each class with a browser would have all bundles made anew."""
        from ..devtools.bootstrap.odoo import add_missing_file

        package = Path(self.enterContext(tempfile.TemporaryDirectory()))
        add_missing_file(package)
        [path] = package.rglob("*.js")
        os.utime(path, (0, 0))
        add_missing_file(package)
        self.assertEqual(path.stat().st_mtime, 0)
