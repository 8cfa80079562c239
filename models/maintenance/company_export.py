"""Everything that the log has of one company, with its seals, as lines of JSON.

Each stream that was the company's at some time is complete: its events are whole while
the record was the company's, of all others there is the hash alone. So whoever has the
file can check each stream's chain and, of the company's events, the seals
(``examples/check_company_export.py``). Lines, in the log's order:

* ``{format, database, company: {id, name}, made_at}`` is the first
* ``{seal, signature}``: text and signature of the seal that the next events are under
* ``{stream, version, hash}``: an event of others
* ``{…, event}``: one with which the record came to the company, or left it
* ``{…, event, covered, personal, leaf, index, path}``: an event of the company: the
  texts under its hash, of its personal values and of its leaf, and where the leaf is in
  the seal's tree; without ``index`` and ``path`` it is not sealed yet
* ``{events, hashes}``, their numbers, is the last

It takes the memory of a page and of a seal, however long the log is. Each page has a
transaction of its own; events of transactions that are still open are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from odoo import api
from odoo.tools import SQL

from ..api.cloudevents import cloud_event, source
from ..event_store.chain import expected_text
from ..event_store.part import Part, in_part
from ..event_store.personal import IS_ERASED
from ..event_store.reader import ENDED, Event, read_events
from ..seals import merkle
from ..seals.leaves import LEAF_TEXT, Place, after, between, read_leaves
from ..support.exact_json import dumps
from ..support.progress import Report, seldom, silent

FORMAT = "crm_cqrs.company-export/1"

#: Events that are read at a time
PAGE = 1000


@dataclass(frozen=True)
class _Row:
    """An event of a stream that was the company's at some time."""

    place: tuple[int, int, int]
    stream: str
    version: int
    hash: str
    is_seen: bool
    is_whole: bool
    covered: str | None
    personal: str | None
    leaf: str | None


def export_lines(
    env, company, report: Report = silent, counts: dict | None = None
) -> Iterator[str]:
    """Yield the lines of a company's export, each with its end.

    :param env: of whoever asks; values that Odoo hides from that user are left out
    :param company: a ``res.company`` record
    :param counts: counts the company's ``events``, and the ``hashes`` of others
    """
    counts = {"events": 0, "hashes": 0} if counts is None else counts
    export = _Export(env, company, seldom(report), counts)
    yield from (f"{dumps(line)}\n" for line in export.lines())


class _Export:
    def __init__(self, env, company, report: Report, counts: dict):
        self._registry = env.registry
        self._uid, self._su = env.uid, env.su
        self._company = {"id": company.id, "name": company.sudo().name}
        self._part = env["cqrs.event"]._part_of([company.id])
        self._hidden = env["cqrs.event"]._hidden_paths()
        self._source = source(env)
        self._report = report
        self._counts = counts

    def lines(self) -> Iterator[dict]:
        self._report(0, "cqrs.event")
        with self._reading() as env:
            now = env.cr.now()
            [(total,)] = env.execute_query(SQL("SELECT count(*) FROM cqrs_seal"))
        yield {
            "format": FORMAT,
            "database": self._source.removeprefix("urn:uuid:"),
            "company": self._company,
            "made_at": f"{now.isoformat()}Z",
        }
        number, place = 0, None
        while seal := self._next_seal(number):
            number = seal.content["number"]
            yield from self._sealed(seal)
            place = seal.content["end"]
            self._report(min(number / (total + 1), 0.99), "cqrs.event")
        for rows, events in self._pages(place, None):
            for row in rows:
                yield self._line(row, events, None)
        yield dict(self._counts)

    def _reading(self):
        return _Reading(self._registry, self._uid, self._su)

    def _next_seal(self, number: int):
        with self._reading() as env:
            seals = (
                env["cqrs.seal"]
                .sudo()
                ._read_seals(SQL("number > %s ORDER BY number LIMIT 1", number))
            )
        return next(iter(seals.values()), None)

    def _sealed(self, seal) -> Iterator[dict]:
        """Yield the lines of the events under a seal; none if none are concerned."""
        start, end = seal.content["start"], seal.content["end"]
        tree = None
        for rows, events in self._pages(start, end):
            if tree is None:
                tree = self._tree(seal)
                signature = seal.signature and seal.signature.hex()
                yield {"seal": seal.text, "signature": signature}
            for row in rows:
                yield self._line(row, events, tree)

    def _tree(self, seal) -> "_Tree":
        with self._reading() as env:
            condition = between(seal.content["start"], seal.content["end"])
            leaves = read_leaves(env, condition, with_streams=False).split()
        return _Tree(leaves)

    def _pages(
        self, start: Place | None, end: Place | None
    ) -> Iterator[tuple[list[_Row], dict[int, Event]]]:
        """Yield pages of rows, and the events of them that may be known.

        :param start: the place after which they stand, None for the beginning
        :param end: the last one, None for the end of what has ended
        """
        place = start
        while True:
            condition = (
                SQL("%s AND %s", ENDED, after(place))
                if end is None
                else between(place, end)
            )
            with self._reading() as env:
                last, rows = self._read(env, condition)
                known = [row.place[2] for row in rows if row.is_seen]
                found = read_events(env, known, self._part)
            if rows:
                yield rows, {event.position: event for event in found}
            if last is None:
                return
            place = last

    def _read(self, env, condition: SQL) -> tuple[Place | None, list[_Row]]:
        """Return the next rows, and the place to go on from; None at the end."""
        found = env.execute_query(_page(condition, self._part))
        rows = [
            _Row((epoch, int(txid), position), f"{model}/{id_}", *rest)
            for epoch, txid, position, model, id_, is_concerned, *rest in found
            if is_concerned
        ]
        if len(found) < PAGE:
            return None, rows
        epoch, txid, position, *__ = found[-1]
        return [epoch, int(txid), position], rows

    def _line(self, row: _Row, events: dict[int, Event], tree: "_Tree | None") -> dict:
        line = {"stream": row.stream, "version": row.version, "hash": row.hash}
        event = events.get(row.place[2])
        if event is None:
            self._counts["hashes"] += 1
            return line
        self._counts["events"] += 1
        line["event"] = cloud_event(event, self._source, self._hidden)
        if row.is_whole and not self._hides(event):
            line |= {
                "covered": row.covered,
                "personal": row.personal,
                "leaf": row.leaf,
            }
            line |= tree.place_of(row.leaf) if tree else {}
        return line

    def _hides(self, event: Event) -> bool:
        """Return whether something under the event's hash may not be known."""
        paths = {*(event.before or ()), *(event.after or ())}
        return not paths.isdisjoint(self._hidden.get(event.stream_model, ()))


class _Reading:
    """A transaction that only reads, for the block."""

    def __init__(self, registry, uid: int, su: bool):
        self._cursor = registry.cursor(readonly=True)
        self._user = uid, {}, su

    def __enter__(self):
        return api.Environment(self._cursor.__enter__(), *self._user)

    def __exit__(self, *error):
        return self._cursor.__exit__(*error)


class _Tree:
    """The tree of a seal, as it follows from the log."""

    def __init__(self, leaves: list[bytes]):
        self._levels = merkle.levels(leaves)
        self._index = {leaf: index for index, leaf in enumerate(leaves)}

    def place_of(self, leaf: str) -> dict:
        """Return ``{index, path}`` of a leaf."""
        index = self._index[merkle.leaf_hash(leaf.encode())]
        path = merkle.path_in(self._levels, index)
        return {"index": index, "path": [each.hex() for each in path]}


def _page(condition: SQL, part: Part) -> SQL:
    """Return the query of the next events, and of what a company may know of each.

    All events of the range are gone through; those of streams that were never the
    company's have nothing but their place.
    """
    own = SQL(
        """
        EXISTS (SELECT FROM cqrs_event own
                WHERE own.stream_model = event.stream_model
                  AND own.stream_id = event.stream_id
                  AND (own.company_id = ANY(%(ids)s)
                       OR (own.before ->> 'company_id')::integer = ANY(%(ids)s)))
        """,
        ids=list(part.company_ids),
    )
    return SQL(
        """
        WITH page AS MATERIALIZED (
            SELECT event.*, event.stream_model = ANY(%(models)s) AND %(own)s
                AS is_concerned
            FROM (SELECT * FROM cqrs_event event WHERE %(condition)s
                  ORDER BY event.epoch, event.txid, event.position
                  LIMIT %(limit)s) event
        )
        SELECT event.epoch, event.txid::text, event.position, event.stream_model,
               event.stream_id, event.is_concerned, event.version,
               encode(event.hash, 'hex'), told.is_seen,
               COALESCE(told.is_seen AND told.is_whole
                        AND NOT (event.hash_format = 1 AND %(is_erased)s)
                        AND event.details IS NOT DISTINCT FROM told.shown, false),
               CASE WHEN told.is_whole THEN %(covered)s END,
               CASE WHEN told.is_whole THEN event.personal::text END,
               CASE WHEN told.is_whole THEN %(leaf)s END
        FROM page event
        LEFT JOIN LATERAL (
            SELECT part.is_seen, part.is_whole, part.details
            FROM %(told)s part WHERE event.is_concerned
        ) told (is_seen, is_whole, shown) ON true
        ORDER BY event.epoch, event.txid, event.position
        """,
        models=list(part.models),
        own=own,
        condition=condition,
        limit=PAGE,
        covered=expected_text(),
        leaf=LEAF_TEXT,
        is_erased=IS_ERASED,
        told=in_part(SQL("(SELECT event.*)"), part),
    )
