import json

from odoo.tests import HttpCase, tagged

from .own_server import OwnServer

# The page is one session; what writes, by name and password and without the page's
# cookies, is another.
CODE = r"""
(async () => {
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const until = async (condition) => {
        for (let tries = 0; !condition(); tries++) {
            if (tries > 200) {
                throw new Error(`never: ${condition}`);
            }
            await pause(100);
        }
    };
    const tile = (name) => document.querySelector(`.o_cqrs_tile[data-name=${name}]`);
    const value = (name) => tile(name)?.querySelector(".o_cqrs_tile_value").textContent;
    const asOf = () => document.querySelector(".o_cqrs_as_of").textContent;
    const title = () => document.querySelector(".o_cqrs_as_of").title;
    await until(() => value("active") && document.querySelector(".o_cqrs_opportunity"));
    const [pipeline, active, position] = [value("pipeline"), value("active"), asOf()];
    // The page says nowhere that it is subscribed, which it is soon.
    await pause(3000);
    const answer = await fetch("/jsonrpc", {
        method: "POST",
        credentials: "omit",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
            jsonrpc: "2.0",
            method: "call",
            params: {
                service: "object",
                method: "execute_kw",
                args: [DB, 2, "admin", "crm.lead", "create", [{
                    name: "Live", type: "opportunity", expected_revenue: 1234567,
                }]],
            },
        }),
    });
    if (!(await answer.json()).result) {
        throw new Error("the other session could not write");
    }
    await until(() => value("pipeline") !== pipeline && value("active") !== active);
    const box = (name) => document.querySelector(`[data-tile=${name}]`);
    const latest = (name) =>
        box(name).querySelector(".o_cqrs_latest")?.textContent || "";
    await until(() => box("pipeline").matches(".o_cqrs_changed"));
    if (box("win_rate").matches(".o_cqrs_changed") || asOf() === position) {
        throw new Error("a tile is marked, or a position is not, that should");
    }
    await until(() => /\+\D*1.23M\D*, .*Live.*, .*Admin/.test(latest("pipeline")));
    if (!/\+1, .*Live/.test(latest("active")) || latest("won")) {
        throw new Error(`said: ${latest("active")} ${latest("won")}`);
    }
    if (/\d{5}/.test(asOf()) || !/event \d+/.test(title())) {
        throw new Error("the event's number is not in the tooltip alone");
    }
    // Until it is seen: by who has pointed at it, and goes on.
    box("pipeline").dispatchEvent(new PointerEvent("pointerleave"));
    await until(() => !box("pipeline").matches(".o_cqrs_changed"));
    if (latest("pipeline") || !latest("active")) {
        throw new Error("another mark is gone than the one that was seen");
    }
    await until(() =>
        document.querySelector(".o_cqrs_opportunities").textContent.includes("Live")
    );
    console.log("test successful");
})().catch((error) => console.error(`live: ${error.message}`));
"""


@tagged("post_install", "-at_install")
class TestDashboardLive(OwnServer, HttpCase):
    """Odoo's bus is told after a commit, which tests have none of: a real server."""

    def test_what_somebody_else_writes_appears(self):
        url = self.serve()
        self.browser_js(
            f"{url}/odoo/sales-dashboard",
            CODE.replace("DB", json.dumps(self.db)),
            ready="!!document.querySelector('.o_cqrs_dashboard')",
            cookies={"session_id": self.log_in(url).session_id},
            timeout=90,
        )
