from odoo.tests import HttpCase, tagged


@tagged("post_install", "-at_install")
class TestDashboardComponents(HttpCase):
    """Runs the tests in ``static/tests``, in Odoo's own suite."""

    def test_hoot(self):
        self.browser_js(
            "/web/tests?headless&loglevel=2&preset=desktop&timeout=15000"
            "&filter=crm_cqrs",
            "",
            login="admin",
            timeout=600,
            success_signal="[HOOT] Test suite succeeded",
        )
