"""Parts of a total are rounded so that they add up, in both directions of a table."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..models.metrics.figures import exactly
from ..models.metrics.rounding import apportioned, rounded

EURO = SimpleNamespace(decimal_places=2)
CENT = Decimal("0.01")

#: Amounts of few cents, with remainders that often come to a whole one; and of any size
AMOUNT = st.one_of(
    st.builds(lambda number: Decimal(number) / 1000, st.integers(-40, 40)),
    st.decimals(-(10**15), 10**15, allow_nan=False, allow_infinity=False),
)
TABLES = st.lists(st.tuples(AMOUNT, AMOUNT), max_size=8)


def is_near(shown, exact):
    """Say whether an amount is the exact one, or the cent below or above it."""
    if exact % CENT == 0:
        return shown == exact
    return shown % CENT == 0 and abs(shown - exact) < CENT


@tagged("post_install", "-at_install")
class TestAmountsAreApportioned(BaseCase):
    @given(TABLES, st.sampled_from((ROUND_FLOOR, ROUND_CEILING, ROUND_HALF_UP)))
    @settings(max_examples=300, deadline=None, database=None)
    @exactly()
    def test_every_table_adds_up_in_both_directions(self, table, rounding):
        own, team = ([row[index] for row in table] for index in (0, 1))
        total = Decimal(sum(own) + sum(team)).quantize(CENT, rounding)
        shown_own, shown_team = apportioned(own, team, total, EURO)
        self.assertEqual(sum(shown_own) + sum(shown_team), total)
        for shown, exact in (
            (sum(shown_own), sum(own)),
            (sum(shown_team), sum(team)),
            *zip(shown_own, own, strict=True),
            *zip(shown_team, team, strict=True),
        ):
            self.assertTrue(is_near(shown, exact), (shown, exact))
        for mine, others, (own, team) in zip(shown_own, shown_team, table, strict=True):
            self.assertTrue(is_near(mine + others, own + team), (mine, others))

    def test_the_largest_remainders_are_rounded_up(self):
        amounts = [Decimal(text) for text in ("1.004", "1.006", "-1.003", "2.004")]
        nothing = [Decimal(0)] * len(amounts)
        total = rounded(sum(amounts), EURO)
        self.assertEqual(total, Decimal("3.01"))
        for own, team in ((amounts, nothing), (nothing, amounts)):
            shown = apportioned(own, team, total, EURO)[nothing is own]
            # The first of equals.
            self.assertEqual(
                shown, [Decimal(text) for text in ("1.00", "1.01", "-1.00", "2.00")]
            )

    def test_others_are_where_the_largest_remainders_would_not_add_up(self):
        for own, team, total, shown in (
            # Not both of the first group, which comes to less than a cent.
            (("0.004", "0.003"), ("0.005", "0"), "0.02", ((0, 1), (1, 0))),
            # At least one of it, since it comes to more.
            (("0.0055", "0.007"), ("0.005", "0"), "0.01", ((1, 0), (0, 0))),
        ):
            with self.subTest(total):
                amounts = (list(map(Decimal, texts)) for texts in (own, team))
                found = apportioned(*amounts, Decimal(total), EURO)
                self.assertEqual(
                    found, tuple([cents * CENT for cents in row] for row in shown)
                )
