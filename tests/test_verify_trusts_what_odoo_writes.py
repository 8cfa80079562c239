from datetime import date, datetime
from decimal import Decimal
from random import Random

from odoo.tests import tagged

from ..models.maintenance.verify import verify
from .common import SalesOrganisation

#: Floats that no rounding to a few digits, and no product of a few digits, is right for
NUMBERS = (
    *(33.3 * 3.3, 0.1 + 0.2, 100 / 3, 1 / 3, -33.3 * 3.3, -0.0),
    *(12345678901234567890, 2.0**70, 1e300, 5e-324, 1e-300, 1e305),
)
PERCENTAGES = (100 / 3, 200 / 3, 0.1 + 0.2, 5e-324, 99.99999999999999, 100, 0)
DAYS = (date.min, date.max, date(2024, 2, 29))
TEXTS = ("", " ", "\u0130\ufb01\ufdfa\u200b", "'\"\\%s{}", "x" * 100_000)


@tagged("post_install", "-at_install")
class TestVerifyTrustsWhatOdooWrites(SalesOrganisation):
    """What is written by Odoo alone is no finding, however odd."""

    def assert_nothing_is_wrong(self):
        self.env.cr.flush()
        self.assertEqual([each.detail for each in verify(self.env)], [])

    def value(self, lead):
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT value::text FROM cqrs_opportunity_view WHERE id = %s", [lead.id]
        )
        return Decimal(self.env.cr.fetchone()[0])

    def test_amounts_and_probabilities(self):
        company = self.env.company
        for number in NUMBERS:
            for percentage in PERCENTAGES:
                # Without a company nothing rounds the amount.
                of_company = {"company_id": company.id if percentage < 1 else False}
                lead = self.opportunity(
                    False, number, probability=percentage, **of_company
                )
                # What the table holds, to the last digit.
                self.env.cr.execute(
                    "SELECT expected_revenue::text FROM crm_lead WHERE id = %s",
                    [lead.id],
                )
                [held] = self.env.cr.fetchone()
                with self.subTest(number, percentage=percentage):
                    self.assertEqual(self.value(lead), Decimal(held))
        self.assert_nothing_is_wrong()

    def test_changes_of_random_floats(self):
        random = Random(17)
        leads = self.env["crm.lead"].union(
            *(self.opportunity(self.seller, company_id=False) for __ in range(5))
        )
        for __ in range(40):
            lead = random.choice(leads)
            lead.expected_revenue = random.uniform(-1, 1) * 10 ** random.randint(-9, 20)
            match random.randrange(4):
                case 0:
                    lead.action_set_won()
                case 1:
                    lead.stage_id = self.stage_new
                case 2:
                    lead.write(
                        {
                            "stage_id": self.stage_new.id,
                            "probability": random.uniform(1, 99),
                        }
                    )
            self.env.cr.flush()
        self.assert_nothing_is_wrong()

    def test_days(self):
        for day in DAYS:
            moment = datetime.combine(day, datetime.max.time())
            lead = self.opportunity(self.seller, date_deadline=day)
            lead.write({"date_open": moment, "date_conversion": moment})
            won = self.opportunity(self.seller, date_deadline=day)
            won.action_set_won()
            won.date_closed = moment
        self.assert_nothing_is_wrong()
        months = self.env["cqrs.metrics"]._read(self.seller, "month")["groups"]
        self.assertLessEqual(
            {"0001-01", "9999-12", "2024-02"}, {group["month"] for group in months}
        )

    def test_texts(self):
        for text in TEXTS:
            partner = self.env["res.partner"].create({"name": text or "x"})
            partner.name = text
            self.opportunity(self.seller, name=text or "x", partner_id=partner.id)
            user, employee = self.person(f"odd_{len(text)}_{hash(text)}")
            user.partner_id.write({"name": text or "x", "email": text})
            employee.write({"name": text or "x", "work_email": text})
        self.assert_nothing_is_wrong()
