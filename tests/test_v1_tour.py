from odoo.tests import HttpCase, tagged

from .own_server import OwnServer

#: The administrator sells in two companies, which have their currencies
ABROAD = """
currency = env["res.currency"].create({"name": "CQX", "symbol": "x"})
env["res.currency.rate"].create(
    {"currency_id": currency.id, "rate": 4, "company_id": env.company.id})
there = env["res.company"].create({"name": "Abroad", "currency_id": currency.id})
admin = env.ref("base.user_admin")
admin.company_ids |= there
env["crm.lead"].create({
    "name": "Deal abroad", "type": "opportunity", "user_id": admin.id, "team_id": False,
    "company_id": there.id, "expected_revenue": 1000})
env.cr.commit()
"""


@tagged("post_install", "-at_install")
class TestV1Tour(OwnServer, HttpCase):
    """Comparisons are made by a cron, beside whoever watches them: a real server."""

    def test_an_administrator_compares_and_retires_v1(self):
        self.odoo("shell", script=ABROAD)
        url = self.serve("--max-cron-threads=1")
        for _time in range(2):
            status, __, __ = self.request(f"{url}/api/sales/dashboard/real", "admin")
            self.assertEqual(status, 200)
        admin = self.log_in(url)
        self.assertEqual(admin.get("/api/opportunities").status, 200)

        def tour(path, name):
            self.start_tour(
                f"{url}/odoo/{path}?debug=tests",
                name,
                cookies={"session_id": admin.session_id},
                timeout=300,
            )

        tour("api-retirement", "crm_cqrs_v1_retirement")
        self.assertEqual(
            self.query(
                "SELECT step.step, event.type, login, step.sunset::text, is_compared"
                " FROM cqrs_api_v1_step step JOIN res_users ON res_users.id = user_id"
                " JOIN cqrs_event event ON stream_model = 'cqrs.api.v1.step'"
                " AND stream_id = step.id ORDER BY step.id"
            ),
            [
                (
                    *("announced", "ApiV1AnnouncementCreated", "admin"),
                    *("2031-01-01 00:00:00", True),
                ),
                ("off", "ApiV1SwitchOffCreated", "admin", None, True),
                ("on", "ApiV1SwitchOnCreated", "admin", None, True),
            ],
        )
        __, headers, __ = self.request(f"{url}/api/opportunities", "admin")
        self.assertEqual(headers["Sunset"], "Wed, 01 Jan 2031 00:00:00 GMT")
        self.query(
            "UPDATE crm_lead SET expected_revenue = 5 WHERE name = 'Deal abroad'"
            " RETURNING id"
        )
        tour("api-comparison", "crm_cqrs_v1_unexplained")
