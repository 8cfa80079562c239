"""Facts that answers depend on, read by one statement where nothing is written.

Eleven facts take 1.6 ms one by one and 1.1 ms in one statement, the six of an entity
tag 0.6 ms. So ``begin_reading`` has a transaction read its facts together and once, and
those beside the tag only for an answer that is made. A transaction that writes reads
each fact by itself, when it is asked for: an earlier value may be out of date by then,
and others may need a flush.

::

    class Weather(Facts):
        temperature = Fact("SELECT max(value) FROM reading")

    Weather.of(env).temperature
"""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from odoo.tools import SQL

from .bound_companies import bound_company_ids

_READING = "crm_cqrs.reading"
_JIT = SQL("set_config('jit', 'off', true)")


class Fact:
    """A value that a query gives, as an attribute of ``Facts``.

    :param query: the query of one value, or a function that makes it from the ``Facts``
    :param pending: models whose pending writes must be flushed before
    :param is_in_tag: an entity tag is made of it, so that it is read also for an answer
        that turns out not to have changed
    """

    def __init__(
        self,
        query: "str | Callable[[Facts], SQL]",
        pending: tuple[str, ...] = (),
        is_in_tag: bool = False,
    ):
        self.query = query
        self.pending = pending
        self.is_in_tag = is_in_tag

    def __set_name__(self, owner, name: str):
        self.name = name

    def __get__(self, facts, owner):
        return self if facts is None else facts._value(self)


@dataclass
class _Reading:
    """The facts known in a transaction that only reads.

    :ivar is_whole: the answer is made in any case, so all facts are read together
    """

    is_whole: bool
    known: dict[tuple, object] = field(default_factory=dict)
    is_without_jit: bool = False


class Facts:
    """The facts of the answers to one user; ``env.user`` asks for them."""

    def __init__(self, env, user):
        self.env = env
        self.user = user

    @classmethod
    def of(cls, env, user=None):
        """Return the facts of a user; the same object while a transaction only reads.

        :param user: a ``res.users`` record, the user of ``env`` by default
        """
        user = env.user if user is None else user
        key = cls, user.id, env.uid, env.su
        return known_while_reading(env, key, lambda: cls(env, user))

    def _value(self, fact: Fact):
        reading = self.env.cr.cache.get(_READING)
        if reading is None:
            for model in fact.pending:
                self.env[model].flush_model()
            return self._read((fact,))[0]
        together = _together(type(self), None if reading.is_whole else fact.is_in_tag)
        names = (each.name for each in together)
        # Found as attributes of the object from now on, before those of its class.
        vars(self).update(zip(names, self._read(together, _JIT), strict=False))
        reading.is_without_jit = True
        return vars(self)[fact.name]

    def _read(self, facts: tuple[Fact, ...], *others: SQL) -> tuple:
        made = (fact.query(self) for fact in facts if callable(fact.query))
        [row] = self.env.execute_query(SQL(_text(facts, len(others)), *made, *others))
        return row


# To put the statement together anew took 0.14 ms of each answer.
@cache
def _together(kind: type[Facts], is_in_tag: bool | None) -> tuple[Fact, ...]:
    """Return the facts of a class; None gives those in the tag and the others."""
    return tuple(
        each
        for each in vars(kind).values()
        if isinstance(each, Fact) and is_in_tag in (None, each.is_in_tag)
    )


@cache
def _text(facts: tuple[Fact, ...], others: int) -> str:
    """Return the statement of facts, with a place for each query that is made."""
    queries = ("(%s)" if callable(each.query) else f"({each.query})" for each in facts)
    return "SELECT " + ", ".join([*queries, *["%s"] * others])


def begin_reading(env, is_whole: bool = False):
    """Let facts be read together and once: nothing is pending, or will be written.

    Facts of an earlier transaction are forgotten: the cursor keeps its cache until it
    is closed.

    :param is_whole: the answer is made in any case, so all facts are read together
    """
    env.cr.cache[_READING] = _Reading(is_whole)


def known_while_reading(env, key: tuple, make: Callable):
    """Return a value that stays the same while a transaction only reads.

    :param key: of the value, beginning with a name that nobody else uses; the companies
        to which the caller is bound belong to it
    :param make: returns it; called each time where something may be written
    """
    reading = env.cr.cache.get(_READING)
    if reading is None:
        return make()
    key = bound_company_ids(env), key
    if key not in reading.known:
        reading.known[key] = make()
    return reading.known[key]


@contextmanager
def reading_anew(env):
    """Forget the known facts within the block."""
    reading = env.cr.cache.pop(_READING, None)
    try:
        yield
    finally:
        env.cr.cache.pop(_READING, None)
        if reading is not None:
            env.cr.cache[_READING] = reading


def without_jit(env):
    """Keep PostgreSQL from compiling queries in this transaction.

    It easily estimates the cost of access above the limit from which it compiles a
    query, and the compilation takes longer than the query.
    """
    reading = env.cr.cache.get(_READING)
    if reading is None or not reading.is_without_jit:
        env.cr.execute(SQL("SELECT %s", _JIT))
