"""One example of each kind of change of the pipeline."""

from datetime import date

from odoo.tests import new_test_user, tagged

from ..models.past.changes import SUMS
from ..models.past.levels import LAST_IDS
from ..models.past.windows import NoHistory, Scope, Window
from ..models.support.periods import Period
from .common import SalesOrganisation, money, without_triggers
from .plain_changes import END, LATER, MINUTE, START, Dated
from .plain_rules import ALL_DOCUMENTS


@tagged("post_install", "-at_install")
class TestEachKind(Dated, SalesOrganisation):
    """One example of each kind, as the manager of the seller sees it."""

    def setUp(self):
        super().setUp()
        self.deal = self.opportunity(self.seller, 500, name="Fleet")
        self.stays = self.opportunity(self.manager, 1000.05)
        self.happened(START)

    def bars(self, *kinds, user=None, **kwargs):
        """Assert that the changes are these, and that they add up; return the answer.

        :param kinds: ``(kind, amount, count)``
        """
        answer = self.waterfall(user or self.manager, START, END, **kwargs)
        found = [
            (each["kind"], each["amount"], each["count"]) for each in answer["changes"]
        ]
        self.assertEqual(found, [(k, money(amount), n) for k, amount, n in kinds])
        total = answer["start"]["amount"] + sum(each[1] for each in found)
        self.assertEqual(total, answer["end"]["amount"])
        return answer

    def item(self, kind, user=None, scope=None, **kwargs):
        page = self.deals(user or self.manager, kind, START, END, scope, **kwargs)
        [item] = page["items"]
        self.assertEqual(page["total"], 1)
        self.assertEqual(page["exact"], item["exact"])
        return item

    def test_nothing(self):
        answer = self.bars()
        self.assertEqual(
            answer["start"],
            {"amount": money("1500.05"), "exact": money("1500.05"), "count": 2},
        )
        self.assertEqual(answer["end"], answer["start"])
        self.deal.name = "Another name"
        self.deal.expected_revenue = 1
        self.happened(LATER)
        self.deal.expected_revenue = 500
        self.happened(LATER + MINUTE)
        self.bars()

    def test_created(self):
        deal = self.opportunity(self.seller, 70)
        self.happened(LATER)
        answer = self.bars(("created", "70", 1))
        self.assertEqual((answer["start"]["count"], answer["end"]["count"]), (2, 3))
        item = self.item("created")
        self.assertEqual((item["odoo_id"], item["before"]), (deal.id, None))
        self.assertEqual(item["changed_at"], LATER)

    def test_increased_and_decreased(self):
        self.deal.with_user(self.seller).expected_revenue = 499.99
        self.stays.expected_revenue = 1001
        self.happened(LATER)
        self.bars(("increased", "0.95", 1), ("decreased", "-0.01", 1))
        item = self.item("decreased")
        self.assertEqual(item["name"], "Fleet")
        self.assertEqual(item["before"]["value"], money("500.00"))
        self.assertEqual(item["after"]["value"], money("499.99"))
        self.assertEqual((item["change"], item["exact"]), (money("-0.01"),) * 2)
        self.assertEqual(item["changed_by"]["user_id"], self.seller.id)
        self.assertEqual(item["changed_at"], LATER)

    def test_won_at_another_value(self):
        self.deal.expected_revenue = 700
        self.happened(LATER)
        self.deal.with_user(self.seller).action_set_won()
        self.closed(self.deal, LATER + MINUTE)
        self.happened(LATER + MINUTE)
        self.bars(("increased", "200", 1), ("won", "-700", 1))
        item = self.item("won")
        self.assertEqual(
            (item["before"]["status"], item["after"]["status"]), ("pending", "won")
        )
        self.assertEqual(item["changed_at"], LATER + MINUTE)
        self.assertEqual(self.item("increased")["changed_at"], LATER)

    def test_created_and_won_in_between(self):
        deal = self.opportunity(self.seller, 80)
        self.happened(LATER)
        deal.action_set_won()
        self.closed(deal, LATER + MINUTE)
        self.happened(LATER + MINUTE)
        answer = self.bars(("created", "80", 1), ("won", "-80", 1))
        self.assertEqual((answer["start"]["count"], answer["end"]["count"]), (2, 2))

    def test_won_again(self):
        self.deal.action_set_won()
        self.closed(self.deal, START - MINUTE)
        self.happened(START)
        self.bars()
        self.deal.stage_id = self.stage_new
        self.happened(LATER)
        self.deal.action_set_won()
        self.deal.expected_revenue = 600
        self.closed(self.deal, LATER + MINUTE)
        self.happened(LATER + MINUTE)
        self.bars(("reopened", "600", 1), ("won", "-600", 1))

    def test_won_is_the_tile_of_the_period(self):
        for minute, value in ((-1, 1), (30, 20), (60, 300)):
            deal = self.opportunity(self.seller, value)
            deal.action_set_won()
            self.closed(deal, LATER + minute * MINUTE)
            self.happened(LATER + minute * MINUTE)
        self.deal.action_set_won()
        self.closed(self.deal, LATER)
        self.happened(LATER)
        answer = self.waterfall(self.manager, LATER - 2 * MINUTE, END)
        [won] = [each for each in answer["changes"] if each["kind"] == "won"]
        self.assertEqual((won["amount"], won["count"]), (money("-521"), 3))

    def test_lost_and_reopened(self):
        self.deal.with_user(self.seller).action_set_lost()
        self.happened(LATER)
        self.bars(("lost", "-500", 1))
        self.assertEqual(self.item("lost")["after"]["status"], "lost")
        won = self.opportunity(self.seller, 9)
        won.action_set_won()
        self.closed(won, START)
        self.happened(START)
        won.stage_id = self.stage_new
        self.happened(LATER)
        self.bars(("reopened", "9", 1), ("lost", "-500", 1))

    def test_archived_and_restored(self):
        self.deal.probability = 30
        self.happened(START)
        self.deal.active = False
        self.happened(LATER)
        self.bars(("archived", "-500", 1))
        self.deal.active = True
        self.happened(END + MINUTE)
        answer = self.waterfall(self.manager, LATER, END + MINUTE)
        [change] = answer["changes"]
        self.assertEqual((change["kind"], change["amount"]), ("restored", money("500")))

    def test_to_a_lead_and_back(self):
        self.deal.type = "lead"
        self.happened(LATER)
        self.bars(("to_lead", "-500", 1))
        self.deal.type = "opportunity"
        self.happened(END + MINUTE)
        [change] = self.waterfall(self.manager, LATER, END + MINUTE)["changes"]
        self.assertEqual(
            (change["kind"], change["amount"]), ("from_lead", money("500"))
        )

    def test_deleted(self):
        self.deal.expected_revenue = 600
        self.happened(LATER)
        admin = self.env.ref("base.user_admin")
        self.deal.with_user(admin).unlink()
        self.happened(LATER + MINUTE)
        self.bars(("deleted", "-500", 1))
        item = self.item("deleted")
        self.assertEqual(
            (item["name"], item["after"]), ("Fleet", {"status": "deleted"})
        )
        self.assertEqual(item["changed_by"]["user_id"], admin.id)
        self.assertEqual(item["changed_at"], LATER + MINUTE)

    def test_merged(self):
        other = self.opportunity(self.seller, 7, name="The same")
        self.happened(START)
        both = self.deal | other
        kept = both.merge_opportunity(auto_unlink=True)
        gone = both - kept
        self.happened(LATER)
        item = self.item("merged")
        self.assertEqual(
            (item["odoo_id"], item["after"]), (gone.id, {"status": "merged"})
        )
        kinds = {
            each["kind"] for each in self.waterfall(self.manager, START, END)["changes"]
        }
        self.assertIn("merged", kinds)
        self.assertNotIn("deleted", kinds)

    def test_what_was_merged_into_and_deleted_later_is_deleted(self):
        other = self.opportunity(self.seller, 7)
        self.happened(START)
        both = self.deal | other
        kept = both.merge_opportunity(auto_unlink=True)
        self.happened(LATER)
        # An event of another transaction
        self.env.cr.execute("SELECT pg_current_xact_id()::text::bigint + 1")
        [(txid,)] = self.env.cr.fetchall()
        id_ = kept.id
        kept.unlink()
        self.happened(LATER + MINUTE)
        with without_triggers(self.env.cr):
            self.env.cr.execute(
                "UPDATE cqrs_event SET txid = %s::text::xid8"
                " WHERE stream_model = 'crm.lead' AND stream_id = %s AND after IS NULL",
                [str(txid), id_],
            )
        self.assertEqual(self.item("deleted")["odoo_id"], id_)
        self.assertEqual(
            self.item("merged")["odoo_id"], (both.ids[0] + both.ids[1]) - id_
        )

    def test_reassigned_out_says_nothing_of_what_came_after(self):
        self.deal.with_user(self.env.ref("base.user_admin")).user_id = self.peer
        self.happened(LATER)
        self.deal.with_user(self.peer).sudo().write(
            {"expected_revenue": 9999, "name": "Secret", "stage_id": self.stage_won.id}
        )
        self.happened(LATER + MINUTE)
        self.deal.with_user(self.peer).sudo().user_id = self.other_manager
        self.happened(LATER + 2 * MINUTE)
        self.bars(("reassigned_out", "-500", 1))
        item = self.item("reassigned_out")
        self.assertEqual(item["after"], {"status": "left"})
        self.assertEqual(item["name"], "Fleet")
        self.assertEqual(item["before"]["value"], money("500"))
        # Who took it away, not who passed it on.
        self.assertEqual(
            item["changed_by"]["user_id"], self.env.ref("base.user_admin").id
        )
        self.assertEqual(item["changed_at"], LATER)
        self.assertNotIn("9999", str(item))
        self.assertNotIn("Secret", str(item))

    def test_who_deleted_what_had_left_is_not_told(self):
        self.deal.user_id = self.peer
        self.happened(LATER)
        self.deal.with_user(self.peer).sudo().unlink()
        self.happened(LATER + MINUTE)
        item = self.item("deleted")
        self.assertEqual((item["changed_by"], item["changed_at"]), (None, None))

    def test_reassigned_in_says_nothing_of_what_was_before(self):
        deal = self.opportunity(self.peer, 12_345, name="Theirs")
        self.happened(START)
        deal.write({"user_id": self.seller.id, "expected_revenue": 40, "name": "Ours"})
        self.happened(LATER)
        self.bars(("reassigned_in", "40", 1))
        item = self.item("reassigned_in")
        self.assertEqual(
            (item["name"], item["before"]), ("Ours", {"status": "elsewhere"})
        )
        self.assertNotIn("12345", str(item))
        # Whoever sees both sees what it was.
        scope = Scope(user_ids=(self.seller.id,))
        everything = new_test_user(
            self.env, "cqrs_everything", groups=ALL_DOCUMENTS, name="Everything"
        )
        item = self.item("reassigned_in", user=everything, scope=scope)
        self.assertEqual(item["before"]["value"], money("12345"))

    def test_what_is_beyond_the_last_id_of_the_first_day_is_not_looked_up(self):
        deal = self.opportunity(self.peer, 40)
        self.happened(START)
        deal.user_id = self.seller
        self.happened(LATER)
        self.env["cqrs.opportunity.span"]._follow()
        self.assertTrue(self.env["cqrs.past.levels"]._fill_settled())
        self.bars(("reassigned_in", "40", 1))
        self.env.cr.execute(
            f"UPDATE {LAST_IDS} SET last_id = %s WHERE moment > %s",
            [deal.id - 1, START],
        )
        SUMS.store(self.env).clear()
        self.bars(("created", "40", 1))

    def test_a_scope_of_stages(self):
        talks = self.env["crm.stage"].create({"name": "Talks", "sequence": -99})
        self.deal.stage_id = talks
        self.happened(LATER)
        self.bars(("stage_out", "-500", 1), scope=Scope(stage_ids=(self.stage_new.id,)))
        self.bars(("stage_in", "500", 1), scope=Scope(stage_ids=(talks.id,)))
        self.bars()
        item = self.item("stage_in", scope=Scope(stage_ids=(talks.id,)))
        self.assertEqual(
            (item["before"]["stage"]["id"], item["after"]["stage"]["name"]),
            (self.stage_new.id, "Talks"),
        )

    def test_a_scope_of_the_closing_period(self):
        self.deal.date_deadline = "2024-03-31"
        self.happened(START)
        self.deal.date_deadline = "2024-04-01"
        self.happened(LATER)
        march = Scope(closing=Period(date(2024, 3, 1), date(2024, 4, 1)))
        april = Scope(closing=Period(date(2024, 4, 1), date(2024, 5, 1)))
        self.bars(("pushed_out", "-500", 1), scope=march)
        self.bars(("pulled_in", "500", 1), scope=april)
        item = self.item("pushed_out", scope=march)
        self.assertEqual(item["before"]["closing_date"], date(2024, 3, 31))
        self.assertEqual(item["after"]["closing_date"], date(2024, 4, 1))

    def test_a_scope_of_a_person_and_of_a_team(self):
        team = self.env["crm.team"].create({"name": "cqrs team"})
        self.deal.team_id = team
        self.happened(START)
        self.deal.write({"user_id": self.manager.id, "team_id": team.id})
        self.happened(LATER)
        self.bars(
            ("reassigned_out", "-500", 1), scope=Scope(user_ids=(self.seller.id,))
        )
        self.bars(("reassigned_in", "500", 1), scope=Scope(user_ids=(self.manager.id,)))
        self.bars(scope=Scope(team_ids=(team.id,)))
        self.deal.team_id = False
        self.happened(LATER)
        self.bars(("reassigned_out", "-500", 1), scope=Scope(team_ids=(team.id,)))

    def test_cents_add_up_in_another_currency(self):
        rate = self.env["res.currency.rate"]
        euro = self.env.ref("base.EUR")
        if euro == self.env.company.currency_id:
            euro = self.env.ref("base.USD")
        euro.active = True
        rate.create({"name": "2024-01-01", "currency_id": euro.id, "rate": 0.3333})
        for n in range(7):
            self.opportunity(self.seller, n / 100)
        self.happened(LATER)
        self.deal.expected_revenue = 500.01
        self.stays.action_set_lost()
        self.happened(LATER)
        answer = self.env["cqrs.changes"]._read(
            self.manager, Window(START, END), Scope(), euro
        )
        parts = [each["amount"] for each in answer["changes"]]
        self.assertEqual(
            answer["start"]["amount"] + sum(parts), answer["end"]["amount"]
        )
        for each in (answer["start"], *answer["changes"], answer["end"]):
            self.assertLess(abs(each["amount"] - each["exact"]), money("0.01"))

    def test_a_name_of_then(self):
        self.happened(START, "crm.stage")
        self.stage_new.name = "Renamed"
        self.happened(LATER, "crm.stage")
        self.deal.action_set_lost()
        self.deal.name = "Fleet renewal"
        self.happened(LATER)
        self.deal.name = "Later still"
        self.happened(END + MINUTE)
        item = self.item("lost")
        self.assertEqual(item["name"], "Fleet renewal")
        self.assertEqual(item["before"]["stage"]["name"], "New")
        self.assertEqual(item["after"]["stage"]["name"], "Renamed")

    def test_before_there_is_history(self):
        def won(user, *window):
            return self.deals(user, "won", *window)

        for read in (self.waterfall, won):
            with self.assertRaises(NoHistory) as caught:
                read(self.manager, START - MINUTE, END)
            self.assertEqual(caught.exception.since, START)
