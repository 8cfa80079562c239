from concurrent.futures import ThreadPoolExecutor
from threading import Event
from unittest.mock import patch

from odoo.tests import TransactionCase, tagged

from ..models.support import process_cache
from ..models.support.process_cache import VersionedCache


@tagged("post_install", "-at_install")
class TestKeptValuesAreMadeOnce(TransactionCase):
    def setUp(self):
        super().setUp()
        self.cache = VersionedCache(f"cqrs {self._testMethodName}", size=4)
        self.made = []
        pool = ThreadPoolExecutor(3)
        self.addCleanup(pool.shutdown)
        self.submit = pool.submit

    def ask(self, make, version="first"):
        return self.cache.get(self.env, version, ("key",), make)

    def make_slowly(self, begun, end, value):
        def make():
            self.made.append(value)
            begun.set()
            self.assertTrue(end.wait(10))
            return value

        return make

    def test_whoever_asks_meanwhile_waits(self):
        begun, end = Event(), Event()
        first = self.submit(self.ask, self.make_slowly(begun, end, 1))
        self.assertTrue(begun.wait(10))
        another = Event()
        others = [
            self.submit(self.ask, self.make_slowly(another, end, n)) for n in (2, 3)
        ]
        self.assertFalse(another.wait(0.3))
        end.set()
        self.assertEqual([each.result(10) for each in (first, *others)], [1, 1, 1])
        self.assertEqual(self.made, [1])

    def test_another_version_is_not_waited_for(self):
        begun, end = Event(), Event()
        first = self.submit(self.ask, self.make_slowly(begun, end, 1))
        self.assertTrue(begun.wait(10))
        self.assertEqual(self.ask(lambda: 2, "second"), 2)
        end.set()
        self.assertEqual(first.result(10), 1)

    def test_after_an_error_the_next_one_makes_it(self):
        with self.assertRaises(ZeroDivisionError):
            self.ask(lambda: 1 / 0)
        with patch.object(process_cache, "PATIENCE", 60):
            self.assertEqual(self.submit(self.ask, lambda: 2).result(10), 2)

    def test_nobody_waits_for_ever(self):
        """One who alters a table may be waited for by the one who makes the value."""
        begun, end = Event(), Event()
        first = self.submit(self.ask, self.make_slowly(begun, end, 1))
        self.assertTrue(begun.wait(10))
        with patch.object(process_cache, "PATIENCE", 0.1):
            self.assertEqual(self.ask(lambda: 2), 2)
        end.set()
        self.assertEqual(first.result(10), 1)
