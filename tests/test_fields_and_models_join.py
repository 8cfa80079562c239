from dataclasses import replace
from unittest.mock import patch

from odoo.tests import TransactionCase, new_test_user, tagged

from ..models.event_store import joining
from ..models.event_store.source import Rule, Source, declare
from ..models.maintenance.verify import verify
from .common import sources_declared

TAGS = Source("crm.tag", "Tag", ("name",), rules=(Rule("Renamed", "name"),))
COLORED_TAGS = replace(TAGS, fields=("name", "color"))


class TagsOnRecord(TransactionCase):
    """Tags may be put on record; ``setUp`` makes three of them."""

    def setUp(self):
        super().setUp()
        self.enterContext(sources_declared(self.env))
        self.user = new_test_user(
            self.env, "cqrs_tagger", groups="sales_team.group_sale_manager"
        )
        self.tags = self.env["crm.tag"].create(
            [{"name": f"Tag {n}", "color": n} for n in (1, 2, 3)]
        )
        self.env.cr.flush()

    @property
    def source(self):
        return self.env["cqrs.source"].search([("model", "=", "crm.tag")])

    def put_on_record(self, source, is_built=False):
        """Declare a source as an update of its addon does."""
        # On behalf of this addon, as that of the test's own room.
        declare(source)
        self.registry.clear_cache("stable")
        self.env["cqrs.source"]._sync(is_built)

    def build(self):
        log = self.env["cqrs.event"]
        log._record_batch("crm.tag", log._missing("crm.tag"))
        self.source.unbuilt_until = 0

    def write_as_user(self, tag, **values):
        tag.with_user(self.user).write(values)
        self.env.cr.flush()

    def events(self, tag):
        """Return ``(type, origin, user, before, after)`` of the events of a tag."""
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT type, origin, user_id, before, after FROM cqrs_event"
            " WHERE stream_model = 'crm.tag' AND stream_id = %s ORDER BY version",
            [tag.id],
        )
        return self.env.cr.fetchall()

    def states(self):
        self.env.cr.execute(
            "SELECT stream_id, state FROM cqrs_stream WHERE stream_model = 'crm.tag'"
        )
        return dict(self.env.cr.fetchall())

    def differing(self):
        """Return the tags that a verification finds to differ from their states."""
        self.env.cr.flush()
        difference = self.env["cqrs.event"]._difference("crm.tag")
        return [id_ for id_, __ in self.env.execute_query(difference.differing())]


@tagged("post_install", "-at_install")
class TestAFieldJoins(TagsOnRecord):
    def setUp(self):
        super().setUp()
        self.put_on_record(TAGS, is_built=True)
        self.build()
        self.put_on_record(COLORED_TAGS)

    def join(self, batches=None):
        """Record the baselines of some batches, of all by default."""
        log = self.env["cqrs.event"]
        while batches is None or batches > 0:
            is_going_on, __ = log._join_batch(self.source)
            if not is_going_on:
                self.source._joined()
                break
            batches = batches and batches - 1

    def test_it_is_no_difference_before_its_baseline(self):
        self.assertEqual(
            self.env["cqrs.event"]._sources()["crm.tag"].joining, {"color"}
        )
        self.assertEqual(self.differing(), [])
        first, second, third = self.tags
        self.write_as_user(first, color=7)
        self.write_as_user(second, name="Renamed", color=8)
        self.assertEqual(len(self.events(first)), 1)
        self.assertEqual(
            self.events(second)[1:],
            [
                (
                    "TagRenamed",
                    "orm",
                    self.user.id,
                    {"name": {"en_US": "Tag 2"}},
                    {"name": {"en_US": "Renamed"}},
                )
            ],
        )
        new = self.env["crm.tag"].create({"name": "New", "color": 4})
        [(*__, after)] = self.events(new)
        self.assertEqual(after["color"], 4)
        self.assertEqual(self.differing(), [])

        self.join()
        baseline = ("TagUpdated", "migration", None, {"color": None})
        self.assertEqual(self.events(first)[1:], [(*baseline, {"color": 7})])
        self.assertEqual(self.events(second)[2:], [(*baseline, {"color": 8})])
        self.assertEqual(self.events(third)[1:], [(*baseline, {"color": 3})])
        self.assertEqual(len(self.events(new)), 1)
        self.assertFalse(self.env["cqrs.event"]._sources()["crm.tag"].joining)
        self.write_as_user(first, color=1)
        self.assertEqual(
            self.events(first)[2:],
            [("TagUpdated", "orm", self.user.id, {"color": 7}, {"color": 1})],
        )
        self.assertEqual(verify(self.env), [])

    def test_a_snapshot_before_it_joined(self):
        """Another thread has told this process, whose transaction does not see it."""
        self.env["cqrs.event"]._watches()
        self.env.cr.execute("UPDATE cqrs_source SET joins_until = 0")
        self.write_as_user(self.tags[0], name="Renamed")
        __, (*__, after) = self.events(self.tags[0])
        self.assertEqual(after, {"name": {"en_US": "Renamed"}})

    def test_it_goes_on_where_it_stopped(self):
        before = self.tags.filtered(lambda tag: tag == self.tags[0])
        with patch.object(joining, "BATCH", 1):
            while len(self.events(before)) == 1:
                self.join(batches=1)
        first, second, __ = self.tags
        for tag in (first, second):
            self.write_as_user(tag, color=9)
        self.assertEqual(
            [len(self.events(tag)) for tag in self.tags],
            [3, 1, 1],
            "the first one has its baseline, the others have none yet",
        )
        self.assertEqual(self.differing(), [])
        self.join()
        self.assertEqual([len(self.events(tag)) for tag in self.tags], [3, 2, 2])
        self.assertEqual(verify(self.env), [])

    def test_a_process_that_does_not_know_it_yet(self):
        """The field has joined; the process goes on with what it has read before."""
        self.join()
        sources = self.env["cqrs.event"]._sources()
        self.registry.clear_cache("stable")
        with sources_declared(self.env):
            former = dict(sources)
            former["crm.tag"] = type(sources["crm.tag"])(**vars(TAGS))
            with patch.object(
                self.registry["cqrs.event"], "_sources", lambda self: former
            ):
                self.registry.clear_cache("stable")
                self.write_as_user(self.tags[0], name="Renamed", color=9)
        type_, *__, after = self.events(self.tags[0])[-1]
        self.assertEqual(type_, "TagRenamed")
        self.assertEqual(after, {"name": {"en_US": "Renamed"}})
        self.assertEqual(self.states()[self.tags[0].id]["color"], 1)
        self.assertEqual(self.differing(), self.tags[0].ids)

    def test_it_leaves_and_comes_again(self):
        self.join()
        self.put_on_record(TAGS)
        first, second, __ = self.tags
        self.write_as_user(first, name="Renamed", color=9)
        self.assertEqual(self.events(first)[-1][-1], {"name": {"en_US": "Renamed"}})
        self.assertEqual(self.states()[first.id]["color"], 1)
        new = self.env["crm.tag"].create({"name": "New", "color": 4})
        self.assertNotIn("color", self.events(new)[0][-1])
        self.assertEqual(verify(self.env), [])

        self.put_on_record(COLORED_TAGS)
        self.assertEqual(self.differing(), [])
        self.join()
        self.assertEqual(
            self.events(first)[-1],
            ("TagUpdated", "migration", None, {"color": 1}, {"color": 9}),
        )
        self.assertEqual(len(self.events(second)), 2)
        self.assertEqual(verify(self.env), [])


@tagged("post_install", "-at_install")
class TestAModelJoins(TagsOnRecord):
    def test_a_write_before_the_build(self):
        self.put_on_record(TAGS)
        self.assertEqual(self.differing(), [])
        first, second, third = self.tags
        self.write_as_user(first, name="Renamed")
        second.with_user(self.user).unlink()
        self.assertEqual(
            self.events(first),
            [
                ("TagCreated", "migration", None, None, {"name": {"en_US": "Tag 1"}}),
                (
                    "TagRenamed",
                    "orm",
                    self.user.id,
                    {"name": {"en_US": "Tag 1"}},
                    {"name": {"en_US": "Renamed"}},
                ),
            ],
        )
        self.assertEqual(
            [event[:3] for event in self.events(second)],
            [
                ("TagCreated", "migration", None),
                ("TagDeleted", "orm", self.user.id),
            ],
        )
        new = self.env["crm.tag"].with_user(self.user).create({"name": "New"})
        self.assertEqual(
            [event[:3] for event in self.events(new)],
            [("TagCreated", "orm", self.user.id)],
        )
        self.assertEqual(self.events(third), [])
        self.assertEqual(self.differing(), [])
        self.build()
        self.assertEqual(
            [event[:3] for event in self.events(third)],
            [("TagCreated", "migration", None)],
        )
        self.assertEqual(len(self.events(first)), 2)
        self.assertEqual(verify(self.env), [])

    def test_a_snapshot_before_the_model_was_put_on_record(self):
        """Another thread has told this process, whose transaction does not see it."""
        self.put_on_record(TAGS)
        self.env["cqrs.event"]._watches()
        for number, change in enumerate(
            (
                "UPDATE cqrs_source SET unbuilt_until = 0 WHERE model = 'crm.tag'",
                "DELETE FROM cqrs_source WHERE model = 'crm.tag'",
            )
        ):
            self.env.cr.execute(change)
            self.write_as_user(self.tags[0], name=f"Renamed {number}")
            self.assertEqual(self.events(self.tags[0]), [], change)


@tagged("post_install", "-at_install")
class TestAModelEnds(TagsOnRecord):
    def end(self):
        last = 0
        while last is not None:
            last, __ = self.env["cqrs.event"]._end_batch(self.source, last)
        self.source.state = "ended"

    def test_a_new_life(self):
        self.put_on_record(TAGS, is_built=True)
        self.build()
        self.tags[2].unlink()
        self.source._end()
        self.write_as_user(self.tags[0], name="Not on record")
        self.assertEqual(len(self.events(self.tags[0])), 1)
        self.end()
        first, second, third = self.tags
        self.env.cr.execute(
            "SELECT type, origin, user_id, details, personal -> 'before', after"
            " FROM cqrs_event"
            " WHERE stream_model = 'crm.tag' AND stream_id = %s AND version = 2",
            [first.id],
        )
        self.assertEqual(
            self.env.cr.fetchall(),
            [
                (
                    "TagDeleted",
                    "migration",
                    None,
                    {"uninstalled": True},
                    {"name": {"en_US": "Tag 1"}},
                    None,
                )
            ],
        )
        self.assertEqual(len(self.events(second)), 2)
        self.assertEqual(len(self.events(third)), 2)
        self.assertEqual(verify(self.env), [])

        self.put_on_record(TAGS)
        self.build()
        self.assertEqual(
            [event[0] for event in self.events(first)],
            ["TagCreated", "TagDeleted", "TagCreated"],
        )
        self.assertEqual(verify(self.env), [])

    def test_only_what_is_uninstalled_is_gone(self):
        missing = {"model": "no.such.model", "noun": "Model", "addon": "crm_cqrs"}
        source = self.env["cqrs.source"].create({**missing, "modules": "crm"})
        self.registry.clear_cache("stable")
        for modules, is_gone in (
            ("crm", False),
            ("crm,no_such_module", False),
            ("no_such_module", True),
            ("", True),
        ):
            with self.subTest(modules):
                source.write({"modules": modules, "state": "recorded"})
                self.env["cqrs.source"]._sync()
                self.assertEqual(source.state, "ending" if is_gone else "recorded")
        source.model = "res.country"
        for addon, is_gone in ("crm", False), ("no_such_addon", True):
            with self.subTest(addon):
                source.write({"addon": addon, "state": "recorded"})
                self.env["cqrs.source"]._sync()
                self.assertEqual(source.state, "ending" if is_gone else "recorded")
