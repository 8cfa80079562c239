import json
import subprocess

from odoo.tests import HttpCase, tagged

from .common import ODOO
from .own_server import OwnServer

PREPARE = """
env["ir.module.module"].search([("name", "=", "product")]).button_immediate_install()
env = env(context={})
model = env["ir.model"].create({
    "name": "Visit", "model": "x_visit",
    "field_id": [
        (0, 0, {"name": "x_name", "field_description": "Name", "ttype": "char"}),
        (0, 0, {"name": "x_pin", "field_description": "Pin", "ttype": "char"}),
        (0, 0, {"name": "x_file", "field_description": "File", "ttype": "binary"}),
    ],
    "access_ids": [(0, 0, {
        "name": "x_visit", "group_id": env.ref("base.group_user").id, "perm_read": 1,
        "perm_write": 1, "perm_create": 1, "perm_unlink": 1})],
})
visit = env["x_visit"].create({"x_name": "Call", "x_pin": "1234"})
product = env["product.template"].create({"name": "Chair"})
env.cr.commit()
print("ids", visit.id, product.id)
"""


@tagged("post_install", "-at_install")
class TestModelsOnRecordTour(OwnServer, HttpCase):
    def verify(self):
        return json.loads(self.odoo("cqrs", "verify", "--json").stdout)["findings"]

    def changes(self, model, id_):
        return self.query(
            "SELECT type, origin, after || COALESCE(personal -> 'after', '{}')"
            " FROM cqrs_event"
            f" WHERE stream_model = '{model}' AND stream_id = {id_} ORDER BY version"
        )

    def test_two_models_by_clicks(self):
        """The one of a module, which goes again, and a manual one."""
        lines = self.odoo("shell", script=PREPARE).stdout.splitlines()
        [(visit, product)] = [
            line.split()[1:] for line in lines if line.startswith("ids ")
        ]
        url = self.serve("--max-cron-threads=1")
        session = {"session_id": self.log_in(url).session_id}
        self.start_tour(
            f"{url}/odoo/models-on-record?debug=tests",
            "crm_cqrs_models_on_record",
            cookies=session,
            timeout=300,
        )
        for path in f"product.template/{product}", f"m-x_visit/{visit}":
            self.start_tour(
                f"{url}/odoo/{path}?debug=tests",
                "crm_cqrs_record_history",
                cookies=session,
                timeout=60,
            )
        self.stop()
        created, changed = self.changes("x_visit", visit)
        self.assertEqual(created[:2], ("XVisitCreated", "migration"))
        self.assertEqual(
            changed, ("XVisitUpdated", "orm", {"x_name": "Renamed by clicks"})
        )
        self.assertEqual(created[2]["x_name"], "Call")
        self.assertNotIn("x_pin", created[2])
        self.assertNotIn("x_file", created[2])
        created, changed = self.changes("product.template", product)
        self.assertEqual(changed[0], "ProductTemplateUpdated")
        self.assertEqual(self.verify(), [])

        uninstall = [ODOO, "module", "uninstall", "product", "-d", self.db]
        subprocess.run(uninstall, check=True, capture_output=True)
        self.odoo("cqrs", "build")
        self.assertEqual(
            self.query(
                "SELECT version, details FROM cqrs_event"
                f" WHERE type = 'ProductTemplateDeleted' AND stream_id = {product}"
            ),
            [(3, {"uninstalled": True})],
        )
        self.assertEqual(
            self.query(
                "SELECT count(*) FROM cqrs_stream"
                " WHERE stream_model = 'product.template' AND state IS NOT NULL"
            ),
            [(0,)],
        )
        self.assertEqual(self.verify(), [])
