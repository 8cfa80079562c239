"""The dashboard in a browser: from a click until its numbers, or a deal, are shown."""

from collections.abc import Callable

from devtools.web.page import Page, opened

from .found import Found, Table, milliseconds
from .measure import Samples, rounds
from .plan import Plan
from .reads import FEWEST, ROLES, log_in

ELSEWHERE = "/odoo/sales-customers"
"""The screen from which it is opened, with the same menu."""

MENU = "document.querySelector('[data-menu-xmlid=\"crm_cqrs.dashboard_menu\"]')"
THERE = f"{MENU} && !document.querySelector('.o_cqrs_grid')"

OPEN = f"""
new Promise((resolve) => {{
    let shift = 0;
    let pending = 0;
    let since = null;
    const observer = new PerformanceObserver((list) => {{
        for (const entry of list.getEntries()) {{
            shift += entry.value;
        }}
    }});
    observer.observe({{ type: "layout-shift" }});
    const fetch = window.fetch;
    window.fetch = (address, ...options) => {{
        // The end of the log, for what comes later: no number waits for it.
        if (!String(address).startsWith("/api/v2/dashboard/")) {{
            return fetch(address, ...options);
        }}
        pending += 1;
        return fetch(address, ...options).finally(() => {{ pending -= 1; }});
    }};
    const isShown = () => {{
        const grid = document.querySelector(".o_cqrs_grid");
        return grid && !pending && grid.querySelector("canvas")
            && grid.querySelector(".o_cqrs_opportunity")
            && !grid.querySelector(".placeholder, [aria-busy=true]");
    }};
    const began = performance.now();
    const look = () => {{
        const now = performance.now();
        since = isShown() ? since ?? now : null;
        // One answer may ask the next.
        if (since !== null && now - since > 300) {{
            observer.disconnect();
            window.fetch = fetch;
            resolve([since - began, shift]);
        }} else {{
            requestAnimationFrame(look);
        }}
    }};
    {MENU}.click();
    look();
}})
"""

OPEN_DEAL = """
new Promise((resolve) => {
    const began = performance.now();
    let values = null;
    const look = () => {
        const sheet = document.querySelector(".o_cqrs_deal_sheet");
        const form = sheet?.querySelector(".o_form_sheet");
        if (form || sheet?.querySelector(".o_cqrs_deal_preview")) {
            values ??= performance.now() - began;
        }
        if (form && sheet.querySelector(".o_cqrs_deal_story")) {
            resolve([values, performance.now() - began]);
        } else if (sheet?.querySelector(".o_cqrs_deal_problem")) {
            resolve([values, null]);
        } else {
            requestAnimationFrame(look);
        }
    };
    document.querySelector(".o_cqrs_opportunity a").click();
    look();
})
"""
"""From a click on a deal of the list to the sheet with its values, and to its form.

There is none where Odoo's rules let the person see the deal on the dashboard alone.
"""

IDLE = """
new Promise((resolve) => setTimeout(() => requestIdleCallback(resolve), 3000))
"""
"""A reader looks at the numbers before a deal: the form is loaded in the meantime."""


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    result, samples = Found(), Samples()
    if not plan.chromium:
        return result
    table = Table(
        f"From a click to all numbers of the dashboard, at {plan.size}",
        ("", "p50 ms", "p95 ms", "layout shift"),
    )
    for role in FEWEST if plan.pace == "once" else ROLES:
        shifts = []
        with opened(plan.chromium) as page:
            page.resize(1400, 900)
            url = plan.urls["installed"]
            page.enter(url, log_in(plan, "installed", plan.roles[role]).session_id)
            visit(page, url)
            for _ in rounds(plan.pick(0, 10, 60)):
                milli, shift = page.evaluate(OPEN)
                samples.add(role, milli / 1000)
                shifts.append(shift)
                page.evaluate(IDLE)
                values, form = page.evaluate(OPEN_DEAL)
                samples.add(f"{role}, a deal's values", values / 1000)
                if form:
                    samples.add(f"{role}, a deal's form and story", form / 1000)
                visit(page, url)
                on_round()
        deal = f"{role}, a deal's values"
        table.rows += [
            (
                name,
                *(milliseconds(samples.percentile(name, p)) for p in (50, 95)),
                f"{max(shifts):.4f}" if name == role else "",
            )
            for name in (role, deal, f"{role}, a deal's form and story")
            if name in samples.names()
        ]
        result.figures[f"screen_{role}_p95_ms"] = 1000 * samples.percentile(role, 95)
        result.figures[f"sheet_{role}_p95_ms"] = 1000 * samples.percentile(deal, 95)
        result.figures[f"screen_{role}_layout_shift"] = max(shifts)
    result.add_times(samples, "screen")
    result.tables.append(table)
    return result


def visit(page: Page, url: str) -> None:
    """Be on another screen, with nothing of the dashboard in the page's memory."""
    page.visit(f"{url}{ELSEWHERE}")
    page.wait_for(f"document.querySelector('.o_cqrs_customers') && {THERE}")
    # Or what moves there as it loads would be counted, and its sums be read meanwhile.
    page.wait_for(
        "document.querySelector('.o_cqrs_customers .o_cqrs_totals')"
        " && !document.querySelector('.o_cqrs_customers [aria-busy=true]')"
    )
