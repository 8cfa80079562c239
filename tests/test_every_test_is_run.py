import ast
from pathlib import Path

from odoo.tests import BaseCase, tagged

TESTS = Path(__file__).parent


@tagged("post_install", "-at_install")
class TestEveryTestIsRun(BaseCase):
    def test_each_file_is_imported(self):
        """Odoo runs those that are imported, ``./dev test`` all that there are."""
        [imported] = ast.parse((TESTS / "__init__.py").read_text()).body
        files = [path.stem for path in TESTS.glob("test_*.py")]
        self.assertCountEqual([each.name for each in imported.names], files)
