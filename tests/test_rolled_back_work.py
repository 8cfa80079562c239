from odoo.tests import tagged

from .common import SalesOrganisation


@tagged("post_install", "-at_install")
class TestRolledBackWork(SalesOrganisation):
    def count(self):
        self.env.cr.flush()
        self.env.cr.execute("SELECT count(*) FROM cqrs_event")
        return self.env.cr.fetchone()[0]

    def test_an_exception_in_a_savepoint_leaves_no_event(self):
        lead = self.opportunity(self.seller)
        before = self.count()
        for flush in (True, False):
            with (
                self.assertRaises(ZeroDivisionError),
                self.env.cr.savepoint(flush=flush),
            ):
                lead.name = "Never"
                self.env["crm.lead"].create({"name": "Never"})
                self.env.flush_all()
                raise ZeroDivisionError
            self.env.invalidate_all(flush=False)
        self.assertEqual(self.count(), before)
        self.assertEqual(lead.name, "Deal")

    def test_a_nested_rollback_keeps_what_is_outside_of_it(self):
        lead = self.opportunity(self.seller)
        with self.env.cr.savepoint():
            lead.name = "Outer"
            with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
                lead.name = "Inner"
                raise ZeroDivisionError
        self.assertEqual(
            [(event[1], event[3]) for event in self.events(lead)[1:]],
            [("OpportunityUpdated", {"name": "Outer"})],
        )

    def test_an_import_dry_run_leaves_no_event_and_the_import_one_each(self):
        import_ = self.env["base_import.import"].create(
            {
                "res_model": "crm.lead",
                "file": b"Imported 1,10\nImported 2,20\n",
                "file_type": "text/csv",
                "file_name": "leads.csv",
            }
        )
        arguments = (
            ["name", "expected_revenue"],
            ["Name", "Expected Revenue"],
            {"quoting": '"', "separator": ",", "has_headers": False},
        )
        before = self.count()
        result = import_.execute_import(*arguments, dryrun=True)
        self.assertFalse(result["messages"])
        self.assertEqual(self.count(), before)

        result = import_.execute_import(*arguments)
        self.assertEqual(self.count(), before + 2)
        for lead in self.env["crm.lead"].browse(result["ids"]):
            [(version, type_, __, after)] = self.events(lead)
            self.assertEqual((version, type_[-7:]), (1, "Created"))
            self.assertEqual(after["name"], lead.name)
