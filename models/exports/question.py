"""The question that a list answers, as a screen asks it to be exported.

A screen's list is a domain and an order on ``cqrs.opportunity.view``, with the person
whose figures it belongs to and their currency. Who exports it has their own rights,
whatever the question says.
"""

from dataclasses import asdict, dataclass, fields

from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..opportunities.filters import Filters, check_length
from ..opportunities.text import resolved

MODEL = "cqrs.opportunity.view"

#: Characters of a title, and of a line that describes the question
MAX_TITLE = 200
#: Lines that describe it
MAX_LINES = 50


@dataclass(frozen=True)
class ListQuestion:
    """Contents of a list, and their order.

    :ivar domain: on ``cqrs.opportunity.view``; ids in it may be those of anything
    :ivar order: as Odoo's ORM takes it
    :ivar person: id of the user whose figures are listed; False is the reader
    :ivar currency: the code of the figures' currency; False is the company's
    :ivar text: words that are searched for, beside the domain
    :ivar columns: names of ``columns.py``; none stands for all
    :ivar day: as ISO 8601 has it: the list as of its end; False is now
    :ivar title: name of the list, for people
    :ivar description: lines that say in words what is listed, for people
    """

    domain: list
    order: str = "value desc, id desc"
    person: int | bool = False
    currency: str | bool = False
    text: str | bool = False
    columns: tuple[str, ...] = ()
    day: str | bool = False
    title: str = ""
    description: tuple[str, ...] = ()

    @classmethod
    def of(cls, env, values: dict) -> "ListQuestion":
        """Return the question of values that a client has sent.

        :raise UserError: they are none
        """
        try:
            known = {field.name for field in fields(cls)}
            if unknown := values.keys() - known:
                raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
            return cls(**values)._checked()
        except (AttributeError, TypeError, ValueError) as exc:
            raise UserError(
                env._("The list to export cannot be read: %s.", exc)
            ) from exc

    def _checked(self) -> "ListQuestion":
        check_length(self.text or None)
        Domain(self.domain)
        texts = (self.order, self.title, *self.columns, *self.description)
        if any(
            not isinstance(text, str)
            for text in (*texts, self.text or "", self.day or "")
        ):
            raise ValueError("texts are expected")
        if type(self.person) not in (int, bool):
            raise ValueError("a person is an id")
        return ListQuestion(
            **asdict(self)
            | {
                "columns": tuple(self.columns),
                "title": self.title[:MAX_TITLE],
                "description": tuple(
                    line[:MAX_TITLE] for line in self.description[:MAX_LINES]
                ),
            }
        )

    def as_json(self) -> dict:
        """Return the values of ``of``."""
        return asdict(self)

    def records(self, env):
        """Return the model with the context of the question."""
        return env[MODEL].with_context(
            cqrs_person=self.person or env.uid, cqrs_currency=self.currency or None
        )

    def condition(self, env) -> Domain:
        """Return the domain of what the list shows."""
        domain = Domain(self.domain)
        if self.person and self.person != env.uid:
            domain &= Domain("viewer_id", "=", self.person)
        if self.text:
            domain &= _with_words(env, self.text)
        return domain


def _with_words(env, text: str) -> Domain:
    found = resolved(env, Filters(text=text, archived=None)).condition()
    return Domain.custom(
        to_sql=lambda model, alias, query: SQL(
            "%s IN (SELECT view.id FROM cqrs_opportunity_view view WHERE %s)",
            SQL.identifier(alias, "id"),
            found,
        )
    )
