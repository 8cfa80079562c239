"""The dashboard at a glance: nothing moves or is cut, a color means one thing."""

from datetime import timedelta

from odoo.tests import tagged

from .browser import BrowserCase
from .common import SalesOrganisation, backdate

DASHBOARD = "/odoo/sales-dashboard"
LONG = "Replacement of the bottling line and its control cabinets for Tramontana Glass"
SHOWN = """
document.querySelector("[data-tile=pipeline] .o_cqrs_tile_trend")
    && document.querySelector(".o_cqrs_opportunity")
    && document.querySelector(".o_cqrs_attention_item")
    && [...document.querySelectorAll(".o_cqrs_pick")]
        .some(({ innerText }) => innerText.includes("Featherstonehaugh"))
    && document.querySelectorAll(".o_cqrs_line").length === 5
    && document.querySelectorAll("canvas").length >= 2
    && !document.querySelector(".o_cqrs_grid .placeholder")
    && Chart.getChart(document.querySelector("[data-name=stages] canvas"))
        ?.data.datasets.length === 3
"""

ALONE = """
document.querySelector(".o_cqrs_day .o_cqrs_attention_item")
    && document.querySelector(".o_cqrs_opportunity")
    && document.querySelectorAll(".o_cqrs_line").length === 5
    && !document.querySelector(".o_cqrs_grid .placeholder")
"""

WATERFALL = """
document.querySelector("canvas") && document.querySelector(".o_cqrs_pick")
    && !document.querySelector(".o_cqrs_grid .placeholder")
"""

#: The sum of all layout shifts since the page was loaded, and what moved
SHIFT = """
new Promise((resolve) => {
    const moved = [];
    let sum = 0;
    new PerformanceObserver((list) => {
        for (const { value, hadRecentInput, sources } of list.getEntries()) {
            if (!hadRecentInput) {
                sum += value;
                moved.push(...sources.map(({ node }) => node?.className));
            }
        }
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => resolve([sum, moved]), 500);
})
"""

#: Texts of which there is more than is shown
CUT = """
[...document.querySelectorAll(".o_cqrs_grid *")].filter((each) => {
    const { overflowX } = getComputedStyle(each);
    return each.innerText && overflowX === "hidden"
        && each.scrollWidth > each.clientWidth && !each.matches(".visually-hidden");
}).map((each) => `${each.className}: ${each.innerText}`)
"""

#: Each chart by its name: labels of the axis, colors of the bars, legend
CHART = """
(() => {
    const canvas = document.querySelector("[data-name=%s] canvas");
    const chart = Chart.getChart(canvas);
    const axis = chart.options.indexAxis === "y" ? chart.scales.y : chart.scales.x;
    return {
        labels: axis.ticks.map(({ label }) => [label].flat().join(" ")),
        colors: chart.data.datasets.map(({ backgroundColor }) => backgroundColor),
        legend: chart.legend.options.display
            ? chart.legend.legendItems.map(({ text, fillStyle }) => [text, fillStyle])
            : [],
    };
})()
"""

#: Meanings of the colors
MEANINGS = """
Object.fromEntries(
    ["open", "weighted", "won", "won-faint", "overdue", "days", "longest-days"].map(
        (name) => [
            name,
            getComputedStyle(document.querySelector(".o_cqrs_grid"))
                .getPropertyValue(`--o-cqrs-${name}`).trim(),
        ]
    )
)
"""

VALUE = """
(() => {
    const value = document.querySelector("[data-tile=%s] .o_cqrs_tile_value");
    const [shown, spoken] = value.children;
    return [
        shown.textContent, shown.ariaHidden, spoken.className, spoken.textContent,
        value.title,
    ].map((text) => text.replaceAll("\\u00a0", " "));
})()
"""


@tagged("post_install", "-at_install")
class TestDashboardAtAGlance(SalesOrganisation, BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named_opportunities()
        customer = cls.env["res.partner"].create({"name": f"{LONG} and Daughters"})
        cls.opportunity(
            *(cls.seller, 52_400_000),
            name=LONG,
            partner_id=customer.id,
            date_deadline="2020-01-31",
        )
        cls.seller.name = "Maximiliane Featherstonehaugh-Cholmondeley"
        month = cls.env.cr.now().replace(day=1, hour=12)
        backdate(cls.env, month - timedelta(days=120))
        fallen = cls.env["crm.lead"].search([("name", "=", "Manager deal 1")])
        fallen.expected_revenue = 40_000
        cls.env.flush_all()
        cls.env["res.lang"]._activate_lang("ar_001")

    def open(self, width: int, height: int, query: str = ""):
        self.page.resize(width, height)
        self.visit(f"{DASHBOARD}{query}", SHOWN)

    def test_nothing_moves_and_nothing_is_cut(self):
        for language in ("en_US", "ar_001"):
            with self.browse():
                self.enter(self.head, lang=language)
                for width, height in ((1400, 900), (1280, 720), (1024, 768)):
                    self.open(width, height)
                    with self.subTest(language=language, width=width):
                        shift, moved = self.js(SHIFT)
                        self.assertLessEqual(shift, 0.01, moved)
                        self.assertEqual(self.js(CUT), [])
                self.open(390, 844)
                with self.subTest(language=language, width=390):
                    shift, moved = self.js(SHIFT)
                    self.assertLessEqual(shift, 0.01, moved)

    def test_nothing_moves_beside_a_waterfall(self):
        with self.browse():
            self.enter(self.head)
            for width, height in ((1280, 900), (390, 844)):
                self.page.resize(width, height)
                self.visit("/odoo/pipeline-changes?since=month", WATERFALL)
                with self.subTest(width=width):
                    shift, moved = self.js(SHIFT)
                    self.assertLessEqual(shift, 0.01, moved)

    def test_nothing_moves_on_a_day_without_a_team(self):
        with self.browse():
            self.enter(self.seller)
            for width, height in ((1400, 900), (390, 844)):
                self.page.resize(width, height)
                self.visit(DASHBOARD, ALONE)
                with self.subTest(width=width):
                    shift, moved = self.js(SHIFT)
                    self.assertLessEqual(shift, 0.01, moved)

    def test_numbers_charts_and_colors(self):
        with self.browse():
            self.enter(self.head)
            self.open(1400, 900, "?period=this_month")
            shown, hidden, spoken, exact, title = self.js(VALUE % "pipeline")
            self.assertEqual((shown, hidden), ("$ 52.7M", "true"))
            self.assertEqual(spoken, "visually-hidden")
            self.assertEqual((exact, title), ("$ 52,740,000.00",) * 2)
            self.assertTrue(
                self.js(
                    "document.querySelector('[data-tile=pipeline] .o_cqrs_tile_trend')"
                    ".matches('.text-danger')"
                )
            )
            self.assertEqual(
                self.js(
                    "document.querySelector('[data-part=overdue]').textContent.trim()"
                ).replace("\u00a0", " "),
                "$ 52.4M overdue",
            )
            self.assertAlmostEqual(
                self.js(
                    "parseFloat(document.querySelector"
                    "('[data-share=overdue]').style.width)"
                ),
                100 * 52_400 / 52_740,
                2,
            )
            months, stages = self.js(CHART % "months"), self.js(CHART % "stages")
            self.assertEqual(len(months["labels"]), 12)
            self.assertTrue(all(months["labels"]), months)
            meanings = self.js(MEANINGS)
            self.assertEqual(len({*meanings.values()}), len(meanings), meanings)
            won, other = meanings["won"], meanings["won-faint"]
            self.assertEqual(months["colors"], [[other] * 11 + [won]])
            self.assertEqual([color for __, color in months["legend"]], [won, other])
            self.assertEqual(
                stages["legend"],
                [
                    ["Not overdue", meanings["open"]],
                    ["Overdue", meanings["overdue"]],
                    ["Weighted", meanings["weighted"]],
                ],
            )
            self.assertEqual(
                [colors[0] for colors in stages["colors"]],
                [meanings["open"], meanings["overdue"], meanings["weighted"]],
            )
