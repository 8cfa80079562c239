"""The acceptance scenario: who sees which opportunities, value by value, over HTTP."""

from collections.abc import Callable, Mapping
from typing import Any

from ..web.person import DASHBOARD, Person
from .cast import MANAGER_OF, NAMES, PASSWORD, REVENUE, Cast, login, set_up
from .expectations import Expectations, at


def play(
    base_url: str, name: str, make_key: Callable[[str], str]
) -> tuple[str, list[str]]:
    """Play the scenario in the database ``name``.

    ``make_key`` makes an API key for a login. Returns the manager's dashboard as it
    was served, and the values that are wrong.
    """
    admin = Person(base_url)
    admin.log_in(name, "admin", "admin")
    cast = set_up(admin)
    people = {letter: Person(base_url) for letter in NAMES}
    expect = Expectations()
    for letter, person in people.items():
        user = person.log_in(name, login(letter), PASSWORD)
        expect.equal(f"user id of {letter} at login", user, cast.users[letter])

    served = people["M"].dashboard()
    expect.equal("status of M's dashboard", served.status, 200)
    expect.equal("type of M's dashboard", served.content_type, "application/json")
    if expect.wrong:
        return served.text, expect.wrong
    dashboard = served.json()
    check_dashboard(expect, cast, "M", dashboard, own=2, subordinates=2, reports="S")
    check_items(expect, cast, dashboard)
    check_everyone_else(expect, cast, people)
    check_ways_in(expect, base_url, dashboard, make_key(login("M")))
    check_winning(expect, cast, people)
    check_moving(expect, cast, admin, people)
    return served.text, expect.wrong


def check_dashboard(
    expect: Expectations,
    cast: Cast,
    letter: str,
    dashboard: Any,
    *,
    own: int,
    subordinates: int,
    reports: str = "",
    pipeline: str | None = None,
    won: str = "0.00",
    active: int | None = None,
) -> None:
    """Check the numbers and the hierarchy of one person's dashboard.

    ``reports`` are the letters of the direct reports. Pipeline and active count are
    those of open opportunities of the usual revenue unless said otherwise.
    """
    total = own + subordinates
    manager = MANAGER_OF[letter]
    for path, expected in {
        "opportunities.total": total,
        "opportunities.own": own,
        "opportunities.subordinates": subordinates,
        "metrics.active_opportunities": total if active is None else active,
        "user.name": NAMES[letter],
        "user.email": login(letter),
        "user.odoo.user_id": cast.users[letter],
        "user.odoo.employee_id": cast.employees[letter],
        "user.odoo.manager_employee_id": cast.employees[manager] if manager else None,
        "user.hierarchy.is_manager": bool(reports),
        "user.hierarchy.reports_count": len(reports),
    }.items():
        expect.equal(f"{letter}'s {path}", at(dashboard, path), expected)
    for path, amount in {
        "metrics.pipeline_value": pipeline or f"{REVENUE * total}.00",
        "metrics.won_revenue": won,
    }.items():
        expect.amount(f"{letter}'s {path}", at(dashboard, path), amount)
    expect.equal(f"{letter}'s count of items", len(items_of(dashboard)), total)
    path = "user.hierarchy.subordinates"
    names = sorted(NAMES[report] for report in reports)
    expect.equal(f"{letter}'s {path}", names_in(at(dashboard, path)), names)
    path = "user.hierarchy.manager"
    names = [NAMES[manager]] if manager else []
    actual = at(dashboard, path)
    expect.equal(f"{letter}'s {path}", names_in([actual] if actual else []), names)


def names_in(people: Any) -> list[Any]:
    return sorted(at(person, "name") for person in people)


def items_of(dashboard: Any) -> list[Any]:
    items = at(dashboard, "opportunities.items")
    return items if isinstance(items, list) else []


def ids_in(dashboard: Any) -> list[Any]:
    return sorted(at(item, "odoo_id") for item in items_of(dashboard))


def check_items(expect: Expectations, cast: Cast, dashboard: Any) -> None:
    """Check each opportunity that the manager sees, field by field."""
    expect.equal("ids of M's opportunities", ids_in(dashboard), cast.leads_of("MS"))
    for item in items_of(dashboard):
        letter = "S" if at(item, "odoo_id") in cast.leads["S"] else "M"
        manager = MANAGER_OF[letter]
        viewers = {"S": "SMD", "M": "MD"}[letter]
        name = f"{letter}'s opportunity {at(item, 'odoo_id')}"
        expect.amount(f"{name}: value", at(item, "value"), f"{REVENUE}.00")
        for path, expected in {
            "currency": cast.currency,
            "stage": {"id": cast.stage, "name": "New"},
            "status": "pending",
            "partner": None,
            "salesperson.user_id": cast.users[letter],
            "salesperson.name": NAMES[letter],
            "salesperson.email": login(letter),
            "salesperson.manager.name": NAMES[manager],
            "salesperson.manager.email": login(manager),
            "version": 1,
        }.items():
            expect.equal(f"{name}: {path}", at(item, path), expected)
        expect.equal(
            f"{name}: visible_to_user_ids",
            sorted(at(item, "visible_to_user_ids")),
            sorted(cast.users[viewer] for viewer in viewers),
        )


def check_everyone_else(
    expect: Expectations, cast: Cast, people: Mapping[str, Person]
) -> None:
    """S sees the own ones, P none of them, D all of them."""
    for letter, own, subordinates, reports, seen in (
        ("S", 2, 0, "", "S"),
        ("P", 3, 0, "", "P"),
        ("O", 0, 3, "P", "P"),
        ("D", 0, 7, "MO", "MSP"),
    ):
        dashboard = people[letter].dashboard().json()
        numbers = {"own": own, "subordinates": subordinates, "reports": reports}
        check_dashboard(expect, cast, letter, dashboard, **numbers)
        check_seen(expect, cast, letter, dashboard, seen)


def check_seen(
    expect: Expectations, cast: Cast, letter: str, dashboard: Any, owners: str
) -> None:
    expect.equal(
        f"ids of {letter}'s opportunities", ids_in(dashboard), cast.leads_of(owners)
    )


def check_ways_in(
    expect: Expectations, base_url: str, dashboard: Any, key: str
) -> None:
    """The key's owner sees the same as when logged in; without any, nothing."""
    stranger = Person(base_url)
    by_key = stranger.open(DASHBOARD, headers={"Authorization": f"Bearer {key}"})
    expect.equal("status with an API key", by_key.status, 200)
    for path in ("user", "opportunities", "metrics.pipeline_value"):
        same = at(by_key.json(), path) == at(dashboard, path)
        expect.equal(f"{path} with an API key is that of the session", same, True)
    for title, headers in (
        ("anonymous", {}),
        ("a wrong API key", {"Authorization": "Bearer 0123456789abcdef"}),
    ):
        refusal = stranger.open(DASHBOARD, headers=headers)
        expect.equal(f"status for {title}", refusal.status, 401)
        is_json = refusal.content_type in (
            "application/json",
            "application/problem+json",
        )
        expect.equal(f"the answer for {title} is JSON", is_json, True)
        expect.equal(f"{title} gets no data", items_of(refusal.json()), [])


def check_winning(
    expect: Expectations, cast: Cast, people: Mapping[str, Person]
) -> None:
    """S raises the price of an opportunity and wins it; it shows to the cent."""
    lead = cast.leads["S"][0]
    numbers = {"own": 2, "subordinates": 2, "reports": "S", "pipeline": "423456.78"}
    people["S"].call("crm.lead", "write", [lead], {"expected_revenue": 123456.78})
    check_dashboard(expect, cast, "M", people["M"].dashboard().json(), **numbers)
    numbers |= {"won": "123456.78", "pipeline": "300000.00", "active": 3}
    people["S"].call("crm.lead", "action_set_won", [lead])
    check_dashboard(expect, cast, "M", people["M"].dashboard().json(), **numbers)


def check_moving(
    expect: Expectations, cast: Cast, admin: Person, people: Mapping[str, Person]
) -> None:
    """S goes to work for O: M is left with the own two, O gets S's."""
    values = {"parent_id": cast.employees["O"]}
    admin.call("hr.employee", "write", [cast.employees["S"]], values)
    dashboard = people["M"].dashboard().json()
    check_dashboard(expect, cast, "M", dashboard, own=2, subordinates=0)
    for letter, seen in (("M", "M"), ("S", "S"), ("O", "SP"), ("P", "P")):
        dashboard = people[letter].dashboard().json()
        check_seen(expect, cast, f"after the move {letter}", dashboard, seen)
