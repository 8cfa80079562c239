"""Confirming that a database is still the one that it was under a former name."""

from collections import defaultdict
from dataclasses import dataclass

from odoo.tools import SQL

from ..api.key_binding import TABLE as API_KEYS
from ..support.binding import (
    bound_elsewhere,
    confirm_renamed,
    identities,
    name_of,
    this_database,
)

#: Tables whose rows belong to one database, by what they hold
_BOUND = {"api_keys": API_KEYS, "webhooks": "cqrs_webhook"}


def refused(env) -> dict[str, dict[str, int]]:
    """Return ``{name: {api_keys, webhooks}}`` of what other databases have made."""
    found = defaultdict(lambda: dict.fromkeys(_BOUND, 0))
    for kind, identity, count in _rows(env):
        found[name_of(identity)][kind] += count
    return dict(found)


def _rows(env) -> list[tuple[str, str, int]]:
    return [
        (kind, identity, count)
        for kind, table in _BOUND.items()
        for identity, count in bound_elsewhere(env, table, "bound_to").items()
    ]


@dataclass(frozen=True)
class Renaming:
    """Identities that a confirmation would have accepted.

    :ivar former: the identities
    :ivar counts: ``{api_keys, webhooks}`` that are refused until then
    """

    name: str
    former_name: str
    former: list[str]
    counts: dict[str, int]

    @classmethod
    def of(cls, env, former_name: str) -> "Renaming":
        """Return what was given out under a former name.

        :raise ValueError: the database of that name is still there, so this one is a
            copy of it; or this one is known under the name
        """
        this = this_database(env)
        if not this:
            raise ValueError("the database has no uuid (parameter database.uuid)")
        uuid, __, name = this.partition(" ")
        env.cr.execute(SQL("SELECT FROM pg_database WHERE datname = %s", former_name))
        if env.cr.rowcount and former_name != name:
            raise ValueError(
                f"the database {former_name} is still on this server, so {name} is a"
                " copy of it: make new keys here, and resume webhooks one by one"
            )
        rows = [row for row in _rows(env) if name_of(row[1]) == former_name]
        former = sorted({f"{uuid} {former_name}", *(row[1] for row in rows)})
        former = [each for each in former if each not in identities(env)]
        if not former:
            raise ValueError(f"{name} is already known as {former_name}")
        counts = dict.fromkeys(_BOUND, 0)
        for kind, __, count in rows:
            counts[kind] += count
        return cls(name, former_name, former, counts)

    @property
    def question(self) -> str:
        return (
            f"{self.name} will accept the cursors that {self.former_name} has given,"
            f" {self.counts['api_keys']} API keys and {self.counts['webhooks']}"
            " webhooks of it. Confirm only if no database goes on as"
            f" {self.former_name}, on any server: both would accept them. Go on? [y/N]"
        )

    def confirm(self, env) -> dict:
        """Accept them from now on; return ``{database, known_as, accepted}``."""
        confirm_renamed(env, self.former)
        env.cr.flush()
        return {
            "database": self.name,
            "known_as": [name_of(each) for each in identities(env)],
            "accepted": self.counts,
        }
