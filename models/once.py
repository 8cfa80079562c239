"""What an answer that only reads asks of the database once, however many need it."""

from collections.abc import Callable

_ANSWERS = "crm_cqrs.answers"


def only_reads(env):
    """Say that nothing more is written in this transaction.

    So nothing need be asked twice. The cursor forgets it when the transaction ends.
    """
    env.cr.cache[_ANSWERS] = {}


def once(env, question: tuple, ask: Callable):
    """Return what ``ask`` does; in a transaction that only reads, what it did before.

    :param question: equal for what has the same answer
    """
    answers = env.cr.cache.get(_ANSWERS)
    if answers is None:
        return ask()
    if question not in answers:
        answers[question] = ask()
    return answers[question]
