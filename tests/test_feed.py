"""Messages of a user's feed: within the rights of the moment of reading."""

from odoo.tests import new_test_user, tagged

from ..models.event_store.reader import Filters
from ..models.feed.feed import FeedCheckpoint, here, look_again, read_feed
from .common import SalesOrganisation, administrator, other_company


@tagged("post_install", "-at_install")
class TestFeed(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller)
        self.end_epoch()
        self.checkpoints = {}
        for user in (self.head, self.manager, self.seller, self.peer):
            self.begin(user)

    def feed_of(self, user):
        return self.env(user=user, su=False)

    def begin(self, user):
        self.checkpoints[user] = here(self.feed_of(user))

    def told(self, user, limit=100, company_ids=None, **filters):
        """Return ``(kind, type, record)`` of what is new to a user."""
        self.end_epoch()
        page = read_feed(
            self.feed_of(user),
            self.checkpoints[user],
            limit,
            Filters(**filters),
            company_ids,
            is_live=True,
        )
        self.checkpoints[user] = page.checkpoint
        self.last = page
        return [
            (m.kind, m.event and m.event.type, m.event and m.event.stream_id)
            for m in page.messages
        ]

    def test_a_change_is_told_to_those_who_see_the_opportunity(self):
        self.lead.priority = "2"
        event = ("event", "OpportunityUpdated", self.lead.id)
        for user in (self.head, self.manager, self.seller):
            self.assertEqual(self.told(user), [event])
            self.assertEqual(self.told(user), [])
        self.assertEqual(self.told(self.peer), [])

    def test_what_is_reassigned_is_removed_for_those_who_lose_it(self):
        self.lead.user_id = self.peer
        self.assertEqual(
            self.told(self.manager),
            [("removed", "OpportunityReassigned", self.lead.id)],
        )
        self.assertEqual(
            self.told(self.peer), [("event", "OpportunityReassigned", self.lead.id)]
        )

    def test_twice_reassigned_while_the_reader_sleeps(self):
        self.lead.user_id = self.peer
        self.env.cr.flush()
        self.lead.user_id = self.other_manager
        self.env.cr.flush()
        self.assertEqual(
            self.told(self.seller),
            [("removed", "OpportunityReassigned", self.lead.id)],
        )
        self.assertEqual(
            self.told(self.peer), [("removed", "OpportunityReassigned", self.lead.id)]
        )
        self.lead.user_id = self.peer
        self.env.cr.flush()
        self.lead.user_id = self.seller
        self.assertEqual(
            self.told(self.seller),
            [("event", "OpportunityReassigned", self.lead.id)] * 2,
        )

    def test_what_is_deleted_merged_or_made_a_lead_is_removed(self):
        gone, tail = self.opportunity(self.seller), self.opportunity(self.seller)
        self.opportunity(self.peer)
        created = [("event", "OpportunityCreated", each.id) for each in (gone, tail)]
        self.assertEqual(self.told(self.manager), created)
        self.lead.type = "lead"
        self.env.cr.flush()
        gone_id = gone.id
        gone.unlink()
        self.assertEqual(
            self.told(self.manager),
            [
                ("removed", "OpportunityConverted", self.lead.id),
                ("removed", "OpportunityDeleted", gone_id),
            ],
        )
        self.lead.name = "Nobody is told of a lead"
        self.assertEqual(self.told(self.manager), [])

    def test_a_merge_names_those_of_the_others_that_were_seen(self):
        tail, hidden = self.opportunity(self.seller), self.opportunity(self.peer)
        self.told(self.manager)
        merged = self.lead | tail | hidden
        head = merged.merge_opportunity(user_id=self.seller.id)
        gone = set(merged.ids) - set(head.ids)
        told = self.told(self.manager)
        [details] = [
            m.event.details for m in self.last.messages if "Merged" in m.event.type
        ]
        self.assertEqual(set(details["merged_from"]), gone - {hidden.id})
        removed = {id_ for kind, __, id_ in told if kind == "removed"}
        self.assertEqual(removed, gone - {hidden.id})

    def test_where_the_view_changes_all_is_to_be_read_anew(self):
        """And only those are told so whose view it is."""
        self.seller_employee.parent_id = self.other_manager_employee
        self.lead.priority = "3"
        self.assertEqual(self.told(self.manager), [("resync", None, None)])
        first = self.last.messages[0].id
        self.assertEqual(self.told(self.manager), [])
        updated = ("event", "OpportunityUpdated", self.lead.id)
        self.assertEqual(self.told(self.head), [("resync", None, None)])
        self.assertNotEqual(self.last.messages[0].id, first)
        self.assertEqual(self.told(self.seller), [updated])
        self.assertEqual(self.told(self.peer), [])

    def test_a_page_that_is_read_again_has_the_same_ids(self):
        self.lead.priority = "3"
        self.seller_employee.parent_id = self.other_manager_employee
        self.end_epoch()
        after = self.checkpoints[self.manager]
        pages = [read_feed(self.feed_of(self.manager), after, 10) for __ in range(2)]
        self.assertEqual(*([m.id for m in page.messages] for page in pages))
        self.assertTrue(pages[0].messages)

    def test_a_right_that_is_taken_takes_all(self):
        self.lead.priority = "3"
        self.seller.group_ids -= self.env.ref("sales_team.group_sale_salesman")
        self.assertEqual(self.told(self.seller), [("resync", None, None)])
        self.assertEqual(self.told(self.seller), [])

    def test_people_without_a_right_to_leads_are_told_nothing(self):
        portal = new_test_user(self.env, "cqrs_portal", groups="base.group_portal")
        clerk = new_test_user(self.env, "cqrs_clerk", groups="base.group_user")
        admin = administrator(self.env)
        self.env.cr.flush()
        for user in (portal, clerk, admin):
            self.begin(user)
            page = read_feed(self.feed_of(user), None, 1000)
            self.assertEqual((page.messages, page.is_last), ([], True))
        self.lead.priority = "3"
        for user in (portal, clerk, admin):
            self.assertEqual(self.told(user), [])

    def test_an_administrator_of_sales_is_told_of_no_leads_and_no_settings(self):
        admin = administrator(self.env, "sales_team.group_sale_manager")
        self.env.cr.flush()
        self.begin(admin)
        self.lead.priority = "3"
        self.env["crm.lead"].create({"name": "Lead", "type": "lead"})
        self.stage_new.name = "Renamed"
        self.peer.name = "Renamed"
        self.assertEqual(
            self.told(admin), [("event", "OpportunityUpdated", self.lead.id)]
        )

    def contact(self, name="Customer", **values):
        contact = self.env["res.partner"].create(
            {"name": name, "is_company": True, **values}
        )
        self.end_epoch()
        return contact

    def test_contacts_are_told_to_those_who_may_read_them(self):
        clerk = new_test_user(self.env, "cqrs_clerk", groups="base.group_user")
        customer = self.contact()
        for user in (self.seller, self.peer, clerk):
            self.begin(user)
        customer.city = "Elsewhere"
        updated = [("event", "AccountUpdated", customer.id)]
        self.assertEqual(self.told(self.seller), updated)
        self.assertEqual(self.told(self.peer), updated)
        # Customers are shown to people with a right to opportunities.
        self.assertEqual(self.told(clerk), [])

    def test_a_contact_that_leaves_the_view_is_removed(self):
        """By Odoo's own record rules, of a contact as it was."""
        other = other_company(self.env)
        customer, deleted = self.contact(), self.contact("Deleted")
        hidden = self.contact("Hidden", company_id=other.id)
        self.begin(self.seller)
        customer.company_id = other
        self.env.cr.flush()
        hidden.city = "Elsewhere"
        self.env.cr.flush()
        deleted_id = deleted.id
        (deleted | hidden).unlink()
        self.env.cr.flush()
        self.assertEqual(
            self.told(self.seller),
            [
                # Of what came with the other company, not even the type.
                ("removed", "removed", customer.id),
                ("removed", "AccountDeleted", deleted_id),
            ],
        )
        customer.city = "Elsewhere"
        self.env.cr.flush()
        self.assertEqual(self.told(self.seller), [])

    def test_a_rule_on_contacts_is_asked_of_the_past_and_changes_the_view(self):
        secret, customer = self.contact("Secret"), self.contact()
        self.begin(self.seller)
        rule = self.env["ir.rule"].create(
            {
                "name": "No secrets",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": "[('name', '!=', 'Secret')]",
            }
        )
        self.assertEqual(self.told(self.seller), [("resync", None, None)])
        secret.city = "Elsewhere"
        self.env.cr.flush()
        customer.name = "Secret"
        self.env.cr.flush()
        self.assertEqual(
            self.told(self.seller), [("removed", "AccountRenamed", customer.id)]
        )
        rule.active = False
        self.assertEqual(self.told(self.seller), [("resync", None, None)])

    def test_what_a_rule_asks_of_a_deleted_contact_may_be_unknown(self):
        self.env["ir.rule"].create(
            {
                "name": "No comments",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": "[('comment', '=', False)]",
            }
        )
        hidden = self.contact(comment="<p>Secret</p>")
        self.begin(self.seller)
        hidden.unlink()
        self.env.cr.flush()
        self.assertEqual(self.told(self.seller), [])

    def test_contacts_of_users_are_people(self):
        self.begin(self.seller)
        self.peer.partner_id.write({"is_company": True, "city": "Elsewhere"})
        self.env.cr.flush()
        self.peer.partner_id.city = "Here"
        self.env.cr.flush()
        self.assertEqual(self.told(self.seller), [])

    def test_companies(self):
        other = other_company(self.env)
        self.seller.company_ids |= other
        self.env.cr.flush()
        self.begin(self.seller)
        own = self.env.company
        there = self.opportunity(self.seller, company_id=other.id)
        nowhere = self.opportunity(self.seller, company_id=False, team_id=False)
        created = "OpportunityCreated"
        after = self.checkpoints[self.seller]
        self.assertEqual(
            self.told(self.seller, stream_model="crm.lead"),
            [("event", created, there.id), ("event", created, nowhere.id)],
        )
        self.checkpoints[self.seller] = here(self.feed_of(self.seller), own.ids)
        self.checkpoints[self.seller] = FeedCheckpoint(
            after.log, self.checkpoints[self.seller].view
        )
        self.assertEqual(
            self.told(self.seller, company_ids=own.ids, stream_model="crm.lead"),
            [("event", created, nowhere.id)],
        )
        nowhere.company_id = other
        self.assertEqual(
            self.told(self.seller, company_ids=own.ids),
            [("removed", "removed", nowhere.id)],
        )

    def test_values_of_fields_that_one_may_not_read_are_left_out(self):
        field = self.env["crm.lead"]._fields["expected_revenue"]
        self.patch(field, "groups", "base.group_system")
        self.lead.write({"expected_revenue": 5, "priority": "1"})
        self.told(self.seller)
        [resync, changed] = self.last.messages
        self.assertEqual((resync.kind, changed.kind), ("resync", "event"))
        self.assertEqual(changed.event.after, {"priority": "1"})
        self.assertEqual(changed.event.before, {"priority": "0"})

    def test_filters(self):
        self.lead.stage_id = self.stage_won
        self.env.cr.flush()
        self.lead.priority = "3"
        self.end_epoch()
        env, after = self.feed_of(self.seller), self.checkpoints[self.seller]

        def types(**filters):
            page = read_feed(env, after, 10, Filters(**filters))
            return [message.event.type for message in page.messages]

        won, updated = "OpportunityWon", "OpportunityUpdated"
        self.assertEqual(types(), [won, updated])
        self.assertEqual(types(types=(won,)), [won])
        self.assertEqual(types(types=("Opportunity*",)), [won, updated])
        self.assertEqual(types(types=("OpportunityW*", updated)), [won, updated])
        self.assertEqual(types(types=("OpportunityL*", "Opp")), [])
        self.assertEqual(types(stream_model="crm.stage"), [])
        self.assertEqual(types(stream_id=self.lead.id), [won, updated])
        self.assertEqual(types(stream_id=self.lead.id + 1), [])

    def test_a_filter_tells_nothing_of_the_event_that_removes(self):
        """Neither its type nor who made it: ``removed`` comes whatever is asked for."""
        self.lead.priority = "3"
        self.env.cr.flush()
        self.lead.with_user(self.seller).user_id = self.peer
        self.env.cr.flush()
        gone = self.opportunity(self.seller)
        self.env.cr.flush()
        gone_id = gone.id
        gone.unlink()
        self.end_epoch()
        env, after = self.feed_of(self.manager), self.checkpoints[self.manager]
        left = [("removed", self.lead.id), ("removed", gone_id)]
        for filters in (
            {"types": ("OpportunityReassigned", "OpportunityDeleted")},
            {"types": ("OpportunityWon",)},
            {"types": ("NoSuch*",)},
            {"user_id": self.seller.id},
            {"user_id": self.peer.id},
            {"acting_user_id": self.seller.id},
            {"acting_user_id": self.peer.id, "types": ("OpportunityWon",)},
        ):
            for limit in (1, 10):
                with self.subTest(filters=filters, limit=limit):
                    found, checkpoint, is_last = [], after, False
                    while not is_last:
                        page = read_feed(env, checkpoint, limit, Filters(**filters))
                        found += [(m.kind, m.event.stream_id) for m in page.messages]
                        checkpoint, is_last = page.checkpoint, page.is_last
                    self.assertEqual(found, left)

    def test_pages_of_any_size_give_the_same(self):
        for number in range(5):
            self.lead.priority = str(number % 4)
            self.opportunity(self.peer)
            self.lead.user_id = self.peer if number % 2 else self.seller
            self.env.cr.flush()
        self.peer_employee.parent_id = self.manager_employee
        self.end_epoch()
        env, after = self.feed_of(self.manager), self.checkpoints[self.manager]
        whole = [m.id for m in read_feed(env, after, 1000).messages]
        self.assertGreater(len(whole), 2)
        for size in (1, 2, 3):
            for by_message in (False, True):
                checkpoint, ids, is_last = after, [], False
                while not is_last:
                    page = read_feed(env, checkpoint, size)
                    self.assertLessEqual(len(page.messages), size)
                    ids += [m.id for m in page.messages]
                    checkpoint, is_last = page.checkpoint, page.is_last
                    if by_message and page.messages:
                        checkpoint = page.checkpoints[-1]
                    checkpoint = FeedCheckpoint.parse(str(checkpoint))
                self.assertEqual(ids, whole)

    def test_a_first_build_is_passed_over_by_whoever_wants_changes(self):
        after = self.checkpoints[self.seller]
        self.lead.priority = "3"
        self.lead.flush_recordset()
        self.env["cqrs.event"]._record({"crm.lead": self.lead.ids}, origin="migration")
        self.assertEqual(self.told(self.seller), [])
        page = read_feed(self.feed_of(self.seller), after, 10)
        self.assertEqual([m.event.origin for m in page.messages], ["migration"])

    def test_the_same_under_the_rights_of_now(self):
        self.lead.priority = "3"
        self.env.cr.flush()
        self.lead.user_id = self.peer
        self.env.cr.flush()
        self.lead.name = "Hidden"
        self.end_epoch()
        self.env.cr.execute(
            "SELECT position FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s ORDER BY version",
            [self.lead.id],
        )
        positions = [position for (position,) in self.env.cr.fetchall()]

        def kinds(user):
            found = look_again(self.feed_of(user), [*positions, -1])
            return [found[p] and found[p].kind for p in [*positions, -1]]

        self.assertEqual(kinds(self.seller), [None, None, "removed", None, None])
        self.assertEqual(kinds(self.peer), ["event"] * 4 + [None])
        only = Filters(types=("OpportunityUpdated",))
        again = look_again(self.feed_of(self.peer), positions, filters=only)
        told = [message and message.event.type for message in again.values()]
        updated = "OpportunityUpdated"
        self.assertEqual(told, [None, updated, None, updated])
        again = look_again(self.feed_of(self.seller), positions, filters=only)
        told = [message and message.kind for message in again.values()]
        self.assertEqual(told, [None, None, "removed", None])
        self.seller_employee.parent_id = False
        self.env.cr.flush()
        self.assertEqual(kinds(self.manager), [None] * 5)
