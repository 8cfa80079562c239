"""Texts that are searched for: their terms, and what each of them names.

Each term is to begin one of the opportunity's words, of its owner's name or of its
stage's. People and stages are few: those that a term names are looked up first, so that
to rename one writes no opportunity.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace

from odoo.tools import SQL

from ..access import thresholds
from ..access.answer_context import AnswerContext
from ..support.planner import estimated_rows
from ..support.process_cache import VersionedCache
from .domains import resolved_domain
from .filters import Filters, Term
from .stages import stages

TEXTS = VersionedCache("terms of texts", size=256)
PEOPLE = VersionedCache("names of people", size=2)
STAGES = VersionedCache("names of stages", size=16)


@dataclass(frozen=True)
class Names:
    """Names, by their terms.

    >>> names = Names((("anna", 7), ("annika", 8), ("bo", 7)))
    >>> names.with_term("ann"), names.with_term("b"), names.with_term("nna")
    ((7, 8), (7,), ())

    :ivar terms: each with the id of what has it in its name, in order
    """

    terms: tuple[tuple[str, int], ...]

    def with_term(self, beginning: str) -> tuple[int, ...]:
        """Return the ids of what has a term that begins so."""
        ids, at = set(), bisect_left(self.terms, (beginning,))
        while at < len(self.terms) and self.terms[at][0].startswith(beginning):
            ids.add(self.terms[at][1])
            at += 1
        return tuple(sorted(ids))


#: Terms each of whose ways to find something is searched by itself
SPLIT_TERMS = 2


def alternatives(filters: Filters) -> list[Filters]:
    """Return filters that together let through what these do.

    Words, owners and stages are found by an index each, in plans of their own. For a
    condition that joins them by OR, PostgreSQL reads all rows of the three and sorts.

    :param filters: resolved
    """
    if not filters.terms:
        return [filters]
    named = [term for term in filters.terms if term.user_ids or term.stage_ids]
    split = named[:SPLIT_TERMS]
    others = tuple(term for term in filters.terms if term not in split)
    found = [replace(filters, terms=others)]
    for term in split:
        found = [way for each in found for way in _ways(each, term)]
    return [replace(each, terms=each.terms or None) for each in dict.fromkeys(found)]


def _ways(filters: Filters, term: Term) -> list[Filters]:
    """Return filters for each way in which a term finds something."""
    by_word = replace(filters, terms=(*filters.terms, Term(term.beginnings)))
    by_owner = filters.narrowed(user_ids=term.user_ids)
    by_stage = filters.narrowed(stage_ids=term.stage_ids)
    return list(filter(None, (by_word, by_owner, by_stage)))


def by_words(filters: Filters, others: list[Filters]) -> Filters:
    """Return filters of what these let through, and the others do not.

    :param others: alternatives without a term
    """
    beginnings = {word for term in filters.terms for word in term.beginnings}
    # It follows from the rest, and has an index.
    some_word = Term(tuple(sorted(beginnings)))
    return replace(filters, terms=(*filters.terms, some_word), but=tuple(others))


def are_frequent(env, terms: tuple[Term, ...]) -> bool:
    """Return whether many opportunities have the terms, by PostgreSQL's statistics."""
    condition = SQL(" AND ").join(term.condition for term in terms)
    query = SQL("SELECT FROM cqrs_opportunity_view view WHERE %s", condition)
    found = estimated_rows(env, query)
    [(total,)] = env.execute_query(
        SQL(
            "SELECT reltuples FROM pg_class"
            " WHERE oid = 'cqrs_opportunity_view'::regclass"
        )
    )
    # A table that was never analysed has -1.
    return 0 < total < found * thresholds.FREQUENT_WORD


def resolved(env, filters: Filters) -> Filters:
    """Return filters that have the terms of their text in its place.

    So have they what they can say themselves of their domain.
    """
    filters = resolved_domain(env, filters)
    if filters.text is None:
        return filters
    text = filters.text.strip()
    terms = _terms(env, text) if text else filters.terms
    return replace(filters, text=None, terms=terms)


def _terms(env, text: str) -> tuple[Term, ...]:
    people, pipeline = _people(env), _stages(env)
    return tuple(
        Term((term,), people.with_term(term), pipeline.with_term(term))
        for term in folded(env, text)
    )


def folded(env, text: str) -> tuple[str, ...]:
    """Return the terms of a text that is searched for."""

    def ask():
        query = SQL("SELECT cqrs_terms(%s, true)", text.replace("\0", " "))
        [(terms,)] = env.execute_query(query)
        return tuple(dict.fromkeys(terms))

    return TEXTS.get(env, (), (text,), ask)


def _people(env) -> Names:
    def ask():
        return _names(env, SQL("SELECT id, name FROM cqrs_user_profile"))

    return PEOPLE.get(env, AnswerContext.of(env).people_version, (), ask)


def _stages(env) -> Names:
    # A name that SQL has written may be anything.
    names = {id_: name for id_, name in stages(env).items() if isinstance(name, str)}

    def ask():
        ids, texts = list(names), list(names.values())
        return _names(
            env, SQL("SELECT * FROM unnest(%s::integer[], %s::text[])", ids, texts)
        )

    return STAGES.get(env, tuple(names.items()), (), ask)


def _names(env, query: SQL) -> Names:
    rows = env.execute_query(
        SQL("SELECT unnest(cqrs_terms(name)), id FROM (%s) named (id, name)", query)
    )
    return Names(tuple(sorted(rows)))
