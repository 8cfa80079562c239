"""What answers ask of the database: one that only reads asks it at once, and once.

A question takes next to no time; to send it does.
"""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from odoo.tools import SQL

_ANSWERS = "crm_cqrs.answers"
_IS_WHOLE = "whole"
_JIT = "jit"
_WITHOUT_JIT = SQL("SELECT set_config('jit', 'off', true)")


@dataclass(frozen=True)
class _Question:
    value: Callable[..., SQL]
    is_personal: bool = False
    is_of_version: bool = False
    models: tuple[str, ...] = ()


_QUESTIONS: list[_Question] = []


def question(*models: str, is_personal: bool = False, is_of_version: bool = False):
    """Make a function that returns a query of one value one that returns the value.

    ::

        @question()
        def latest_position(user):
            return SQL("SELECT max(position) FROM cqrs_event")

        latest_position(env, user)

    In a transaction that only reads (``only_reads``) it is asked once, together with
    others: with all, or with those that have the same ``is_of_version``.

    :param models: whose pending writes have to be seen
    :param is_personal: the value depends on the user
    :param is_of_version: every answer needs it, also one that nothing has changed
    """

    def declare(value: Callable[..., SQL]):
        declared = _Question(value, is_personal, is_of_version, models)
        _QUESTIONS.append(declared)
        return partial(_ask, declared)

    return declare


def only_reads(env, is_whole: bool = False):
    """Say that nothing is pending, and nothing more is written in this transaction.

    So nothing need be asked twice. What was asked before is forgotten: the cursor
    itself keeps it until it is closed, in the next transaction, too.

    :param is_whole: the answer is made in any case, so that all there is to ask is
        asked together, what its version follows from and the rest
    """
    env.cr.cache[_ANSWERS] = {_IS_WHOLE: is_whole}


@contextmanager
def asked_anew(env):
    """Within the block, nothing that was asked before it is taken for an answer."""
    answers = env.cr.cache.pop(_ANSWERS, None)
    try:
        yield
    finally:
        env.cr.cache.pop(_ANSWERS, None)
        if answers is not None:
            env.cr.cache[_ANSWERS] = answers


def once(env, key: tuple, work: Callable):
    """Return what ``work`` does; in a transaction that only reads, what it did before.

    :param key: equal for what has the same result
    """
    answers = env.cr.cache.get(_ANSWERS)
    if answers is None:
        return work()
    if key not in answers:
        answers[key] = work()
    return answers[key]


def _ask(asked: _Question, env, user):
    answers = env.cr.cache.get(_ANSWERS)
    if answers is None:
        for model in asked.models:
            env[model].flush_model()
        return _values(env, user, [asked])[0]
    if _key(asked, user) not in answers:
        together = [
            each
            for each in _QUESTIONS
            if answers[_IS_WHOLE] or each.is_of_version == asked.is_of_version
        ]
        keys = [*(_key(each, user) for each in together), _JIT]
        values = _values(env, user, [*together, _Question(lambda user: _WITHOUT_JIT)])
        answers.update(zip(keys, values, strict=True))
    return answers[_key(asked, user)]


def _key(asked: _Question, user) -> tuple:
    return asked, user.id if asked.is_personal else None


def _values(env, user, questions: list[_Question]) -> tuple:
    values = [each.value(user) for each in questions]
    [row] = env.execute_query(
        SQL(f"SELECT {', '.join(['(%s)'] * len(values))}", *values)
    )
    return row


def without_jit(env):
    """Have nothing compiled in this transaction that PostgreSQL takes for expensive.

    An estimate of what access takes to decide is easily above the cost from which it
    compiles a query, which takes longer than all of it.
    """
    if _JIT not in env.cr.cache.get(_ANSWERS, ()):
        env.cr.execute(_WITHOUT_JIT)


@question(is_of_version=True)
def _now(user):
    return SQL("SELECT now()")


def answered_at(env) -> datetime:
    """Return the time of the transaction, aware, in UTC."""
    return _now(env, env.user).astimezone(timezone.utc)
