from odoo.tests import tagged

from .own_server import OwnServer


@tagged("post_install", "-at_install")
class TestAcceptance(OwnServer):
    """The steps that ``./dev demo --check`` plays, in Odoo's demo data."""

    def test_every_value_is_as_expected(self):
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools.acceptance import scenario

        _dashboard, wrong = scenario.play(
            self.serve(), self.db, lambda login: self.make_keys()[login]
        )
        self.assertEqual(wrong, [])
