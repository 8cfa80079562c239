import random
from threading import Event, Thread

from odoo import SUPERUSER_ID
from odoo.service.model import retrying
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..controllers.cursors import decode_cursor, encode_cursor
from ..models.opportunities.orders import Keyset
from ..models.projections.opportunity_view import ORDERS
from .common import RealCursors

#: Not written while pages are read
STILL = 40
#: Written all the time
MOVING = 20


@tagged("post_install", "-at_install")
class TestApiListsUnderWrites(RealCursors):
    """Real cursors: every page in a transaction of its own, while others commit."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            leads = env["crm.lead"].create(
                [self.values(number) for number in range(STILL + MOVING)]
            )
            self.still, self.moving = leads.ids[:STILL], leads.ids[STILL:]
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            leads = self.environment(cr)["crm.lead"].browse(self.still + self.moving)
            leads.exists().unlink()

    def values(self, number):
        return {
            "name": f"cqrs page {number % 7}",
            "type": "opportunity",
            "user_id": SUPERUSER_ID + 1,
            "expected_revenue": number % 5,
            "date_deadline": f"2026-05-{number % 9 + 1:02}" if number % 4 else False,
        }

    def write_on(self, done):
        """Move some about in every order, one after another, until done."""
        rng = random.Random(1)
        while not done.is_set():
            with self.registry.cursor() as cr:
                lead = self.environment(cr)["crm.lead"].browse(rng.choice(self.moving))
                values = self.values(rng.randrange(1000))
                retrying(lambda lead=lead, values=values: lead.write(values), lead.env)

    def pages(self, sort, descending):
        """Yield the ids of every page, as given to who follows the cursors."""
        text, bound_to = None, (sort, descending)
        while True:
            with self.registry.cursor() as cr:
                env = self.environment(cr)
                user = env["res.users"].browse(SUPERUSER_ID + 1)
                page = env["cqrs.opportunities"]._read_page(
                    user,
                    sort,
                    descending,
                    after=text and Keyset(*decode_cursor(env, text, bound_to)),
                    limit=4,
                )
                yield page.ids
                if page.next is None:
                    return
                text = encode_cursor(env, (page.next.key, page.next.id), bound_to)

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_what_does_not_change_is_given_exactly_once(self):
        done = Event()
        writer = Thread(target=self.write_on, args=[done])
        writer.start()
        try:
            for sort in ORDERS:
                for descending in (False, True):
                    with self.subTest(sort=sort, descending=descending):
                        ids = [i for page in self.pages(sort, descending) for i in page]
                        still = [id_ for id_ in ids if id_ in self.still]
                        self.assertCountEqual(still, self.still)
        finally:
            done.set()
            writer.join()
