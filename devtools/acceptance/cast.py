"""The people of the acceptance scenario and what they own.

A director D above a manager M above a salesperson S; a peer P under another manager
O. M and S own two opportunities of 100,000 each, P three.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..web.person import Person

REVENUE = 100_000
PASSWORD = "acceptance"
NAMES = {
    "D": "Dora Director",
    "M": "Max Manager",
    "S": "Sam Salesperson",
    "O": "Olga Other",
    "P": "Pia Peer",
}
MANAGER_OF = {"D": None, "M": "D", "S": "M", "O": "D", "P": "O"}
OWNED = {"M": 2, "S": 2, "P": 3}


@dataclass(frozen=True)
class Cast:
    """The scenario's database ids, by the letter of the person."""

    users: Mapping[str, int]
    employees: Mapping[str, int]
    leads: Mapping[str, list[int]]
    stage: int
    currency: str

    def leads_of(self, letters: Iterable[str]) -> list[int]:
        return sorted(id_ for letter in letters for id_ in self.leads[letter])


def login(letter: str) -> str:
    return f"acceptance.{letter.lower()}@example.com"


def external_id(admin: Person, module: str, name: str) -> int:
    domain = [["module", "=", module], ["name", "=", name]]
    rows = admin.call("ir.model.data", "search_read", domain, fields=["res_id"])
    return rows[0]["res_id"]


def set_up(admin: Person) -> Cast:
    """Have the administrator create the people and their opportunities."""
    salesman = external_id(admin, "sales_team", "group_sale_salesman")
    stage = admin.call("crm.stage", "search", [["name", "=", "New"]], limit=1)[0]
    company = admin.call("res.company", "read", [1], fields=["currency_id"])[0]
    users: dict[str, int] = {}
    employees: dict[str, int] = {}
    for letter, name in NAMES.items():
        user = {
            "name": name,
            "login": login(letter),
            "email": login(letter),
            "password": PASSWORD,
            "group_ids": [[6, 0, [salesman]]],
        }
        context = {"no_reset_password": True}
        [users[letter]] = admin.call("res.users", "create", [user], context=context)
        manager = MANAGER_OF[letter]
        employee = {
            "name": name,
            "user_id": users[letter],
            "parent_id": employees[manager] if manager else False,
        }
        [employees[letter]] = admin.call("hr.employee", "create", [employee])
    leads = {}
    for letter, count in OWNED.items():
        values = [
            {
                "name": f"{NAMES[letter]} {number}",
                "type": "opportunity",
                "expected_revenue": REVENUE,
                "stage_id": stage,
                "user_id": users[letter],
            }
            for number in range(1, count + 1)
        ]
        leads[letter] = admin.call("crm.lead", "create", values)
    return Cast(users, employees, leads, stage, company["currency_id"][1])
