"""Parallel creates and moves over XML-RPC and JSON-RPC: bare Odoo and this addon.

Every call is a client of its own. The addon must not refuse a call that bare Odoo
takes: if it does, the benchmark fails.
"""

import threading
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from devtools.web.person import Person, RefusedError

from .found import Found, Table, milliseconds, ratio
from .measure import Samples, rounds
from .odoo_databases import ADMIN
from .plan import Plan

KINDS = ("bare", "installed")
PASSWORD = "admin"
CLIENTS = 30
FEW = 10
"""Clients where each call takes long."""


@dataclass(frozen=True)
class Call:
    """A method of a model with its arguments."""

    model: str
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def call(model: str, method: str, *args: Any, **kwargs: Any) -> Call:
    return Call(model, method, args, kwargs)


class Client:
    """Calls the models of a database as its administrator.

    :ivar roles: the employee of each role
    """

    def __init__(self, url: str, name: str, plan: Plan) -> None:
        self.url = url
        self.name = name
        self.roles = plan.roles

    def over_xmlrpc(self, call: Call) -> Any:
        address = f"{self.url}/xmlrpc/2/object"
        try:
            with xmlrpc.client.ServerProxy(address, allow_none=True) as proxy:
                return proxy.execute_kw(*self._arguments(call))
        except xmlrpc.client.Fault as fault:
            # The message of an error that a user may see, or a traceback.
            if fault.faultCode != 1:
                raise RefusedError("UserError", fault.faultString) from None
            line = fault.faultString.strip().rpartition("\n")[2]
            error, _colon, text = line.partition(": ")
            raise RefusedError(error.rpartition(".")[2], text) from None

    def over_jsonrpc(self, call: Call) -> Any:
        arguments = self._arguments(call)
        return Person(self.url).post(
            "/jsonrpc", service="object", method="execute_kw", args=arguments
        )

    def _arguments(self, call: Call) -> tuple[Any, ...]:
        target = (self.name, ADMIN, PASSWORD, call.model, call.method)
        return (*target, call.args, call.kwargs)

    def ask(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        return self.over_jsonrpc(call(model, method, *args, **kwargs))

    def in_parallel(self, calls: list[Call]) -> tuple[float, Counter[str], list[str]]:
        """Make all calls at once, over XML-RPC and JSON-RPC in turn.

        Return the seconds until the last one is answered, how many failed by the name
        of the error, and the errors.
        """
        at_once = threading.Barrier(len(calls) + 1)

        def make(protocol: Callable[[Call], Any], call: Call) -> Exception | None:
            at_once.wait()
            try:
                protocol(call)
            except Exception as error:  # noqa: BLE001  (counted by its name)
                return error
            return None

        protocols = cycle((self.over_xmlrpc, self.over_jsonrpc))
        with ThreadPoolExecutor(len(calls)) as threads:
            answers = [
                threads.submit(make, protocol, call)
                for protocol, call in zip(protocols, calls, strict=False)
            ]
            at_once.wait()
            began = time.perf_counter()
        seconds = time.perf_counter() - began
        errors = [error for answer in answers if (error := answer.result())]
        names = Counter(
            getattr(error, "name", type(error).__name__) for error in errors
        )
        return seconds, names, [str(error) for error in errors]


Prepare = Callable[[Client, int, str], list[Call]]
"""Return so many calls; the text is another one each time."""


def create_people(client: Client, count: int, text: str) -> list[Call]:
    return [
        call("hr.employee", "create", {"name": f"{text} {n}"}) for n in range(count)
    ]


def create_reports(client: Client, count: int, text: str) -> list[Call]:
    manager = client.roles["manager"].employee_id
    values = [{"name": f"{text} {n}", "parent_id": manager} for n in range(count)]
    return [call("hr.employee", "create", each) for each in values]


def move_people(client: Client, count: int, text: str) -> list[Call]:
    """Employees without a user get a manager."""
    manager = client.roles["manager"].employee_id
    ids = new_people(client, count, text)
    return [
        call("hr.employee", "write", [each], {"parent_id": manager}) for each in ids
    ]


def archive_people(client: Client, count: int, text: str) -> list[Call]:
    manager = client.roles["manager"].employee_id
    ids = new_people(client, count, text, parent_id=manager)
    return [call("hr.employee", "write", [each], {"active": False}) for each in ids]


def new_people(client: Client, count: int, text: str, **values: Any) -> list[int]:
    people = [{"name": f"{text} {n}", **values} for n in range(count)]
    return client.ask("hr.employee", "create", people)


def move_salespeople(client: Client, count: int, text: str) -> list[Call]:
    """Employees with a user and opportunities get another manager."""
    domain = [
        ("user_id", "!=", False),
        ("child_ids", "=", False),
        ("parent_id", "!=", False),
        ("id", "not in", [role.employee_id for role in client.roles.values()]),
    ]
    people = client.ask(
        "hr.employee", "search_read", domain, ["parent_id"], limit=count, order="id"
    )
    director, head = (client.roles[role].employee_id for role in ("director", "head"))
    return [
        call(
            "hr.employee",
            "write",
            [each["id"]],
            {"parent_id": head if each["parent_id"][0] == director else director},
        )
        for each in people
    ]


def create_users(client: Client, count: int, text: str) -> list[Call]:
    context = {"no_reset_password": True}
    # The first one makes Odoo add all users of the data to its general channel.
    client.ask("res.users", "create", {"name": text, "login": text}, context=context)
    return [
        call("res.users", "create", {"name": login, "login": login}, context=context)
        for login in (f"{text} {n}" for n in range(count))
    ]


def change_groups(client: Client, count: int, text: str) -> list[Call]:
    """Users get or lose *All Documents*."""
    (group,) = client.ask(
        "ir.model.data",
        "search_read",
        [
            ("module", "=", "sales_team"),
            ("name", "=", "group_sale_salesman_all_leads"),
        ],
        ["res_id"],
    )
    users = client.ask(
        "res.users",
        "search_read",
        [("login", "like", "@bench.example"), ("share", "=", False)],
        ["group_ids"],
        limit=count,
        order="id desc",
    )
    group_id = group["res_id"]
    commands = {True: (3, group_id), False: (4, group_id)}
    return [
        call(
            "res.users",
            "write",
            [user["id"]],
            {"group_ids": [commands[group_id in user["group_ids"]]]},
        )
        for user in users
    ]


def create_leads(client: Client, count: int, text: str) -> list[Call]:
    values = {"name": text, "type": "opportunity", "expected_revenue": 100}
    return [call("crm.lead", "create", values)] * count


def write_leads(client: Client, count: int, text: str) -> list[Call]:
    ids = some_leads(client, count)
    return [call("crm.lead", "write", [each], {"description": text}) for each in ids]


def reassign_leads(client: Client, count: int, text: str) -> list[Call]:
    users = cycle(role.user_id for role in client.roles.values())
    return [
        call("crm.lead", "write", [each], {"user_id": user_id})
        for each, user_id in zip(some_leads(client, count), users, strict=False)
    ]


def some_leads(client: Client, count: int) -> list[int]:
    domain = [("type", "=", "opportunity"), ("won_status", "=", "pending")]
    return client.ask("crm.lead", "search", domain, limit=count, order="id")


def create_departments(client: Client, count: int, text: str) -> list[Call]:
    names = (f"{text} {n}" for n in range(count))
    return [call("hr.department", "create", {"name": name}) for name in names]


def manage_departments(client: Client, count: int, text: str) -> list[Call]:
    """Departments get a manager."""
    names = [{"name": f"{text} {n}"} for n in range(count)]
    ids = client.ask("hr.department", "create", names)
    people = cycle(role.employee_id for role in client.roles.values())
    return [
        call("hr.department", "write", [each], {"manager_id": employee_id})
        for each, employee_id in zip(ids, people, strict=False)
    ]


def create_teams(client: Client, count: int, text: str) -> list[Call]:
    names = (f"{text} {n}" for n in range(count))
    return [call("crm.team", "create", {"name": name}) for name in names]


def lead_teams(client: Client, count: int, text: str) -> list[Call]:
    """Teams get a leader."""
    ids = client.ask(
        "crm.team", "create", [{"name": f"{text} {n}"} for n in range(count)]
    )
    users = cycle(role.user_id for role in client.roles.values())
    return [
        call("crm.team", "write", [each], {"user_id": user_id})
        for each, user_id in zip(ids, users, strict=False)
    ]


def join_teams(client: Client, count: int, text: str) -> list[Call]:
    """Users become members of teams."""
    ids = client.ask(
        "crm.team", "create", [{"name": f"{text} {n}"} for n in range(count)]
    )
    domain = [("login", "like", "@bench.example"), ("share", "=", False)]
    users = client.ask("res.users", "search", domain, limit=count, order="id")
    return [
        call("crm.team.member", "create", {"crm_team_id": team, "user_id": user_id})
        for team, user_id in zip(ids, users, strict=False)
    ]


SCENARIOS: dict[str, tuple[Prepare, int]] = {
    "create people": (create_people, FEW),
    "create reports of one manager": (create_reports, CLIENTS),
    "move people": (move_people, CLIENTS),
    "move salespeople": (move_salespeople, CLIENTS),
    "archive people": (archive_people, CLIENTS),
    "create users": (create_users, FEW),
    "change groups of users": (change_groups, CLIENTS),
    "create leads": (create_leads, CLIENTS),
    "write leads": (write_leads, CLIENTS),
    "reassign leads": (reassign_leads, CLIENTS),
    "create departments": (create_departments, CLIENTS),
    "manage departments": (manage_departments, CLIENTS),
    "create teams": (create_teams, CLIENTS),
    "lead teams": (lead_teams, CLIENTS),
    "join teams": (join_teams, CLIENTS),
}


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    clients = {
        kind: Client(plan.urls[kind], plan.databases[kind], plan) for kind in KINDS
    }
    samples = Samples()
    result = Found()
    columns = ("", "calls", "failures, bare", "failures, with the addon")
    table = Table(
        f"Parallel calls at {plan.size}: p50 in ms until the last is answered",
        (*columns, "bare", "with the addon", "ratio"),
    )
    totals: Counter[str] = Counter()
    for title, (prepare, most) in SCENARIOS.items():
        failures = {kind: Counter[str]() for kind in KINDS}
        errors: list[str] = []
        count = min(most, plan.pick(3, most, most))
        for number in rounds(plan.pick(0, 2, 30)):
            for kind in KINDS if number % 2 else KINDS[::-1]:
                calls = prepare(clients[kind], count, f"{title} {time.time()}")
                seconds, names, texts = clients[kind].in_parallel(calls)
                samples.add(f"{title} {kind}", seconds)
                failures[kind] += names
                totals[kind] += names.total()
                if kind == "installed":
                    errors += texts
            on_round()
        names = [f"{title} {kind}" for kind in KINDS]
        samples.forget_first(names)
        bare, installed = names
        counts = {kind: each.total() for kind, each in failures.items()}
        if counts["installed"] > counts["bare"]:
            result.faults.append(
                f"{title}: {counts['installed']} calls fail with the addon and"
                f" {counts['bare']} without: {errors[0]}"
            )
        table.rows.append(
            (
                title,
                f"{(number + 1) * len(calls)}",
                *(counted(failures[kind]) for kind in KINDS),
                *(milliseconds(samples.median(name)) for name in names),
                ratio(samples.ratio(installed, bare)),
            )
        )
        name = f"parallel_{title.replace(' ', '_')}_vs_bare"
        result.ratios[name] = samples.ratio(installed, bare)
    result.figures["parallel_failures"] = totals["installed"]
    result.figures["parallel_failures_bare"] = totals["bare"]
    result.add_times(samples, "parallel")
    result.tables.append(table)
    return result


def counted(failures: Counter[str]) -> str:
    """
    >>> counted(Counter({"TypeError": 9})), counted(Counter())
    ('9 TypeError', '0')
    """
    return ", ".join(f"{count} {name}" for name, count in failures.items()) or "0"
