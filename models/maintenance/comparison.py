"""The comparison of v1 and v2 for everybody, or for a sample of people."""

from collections import Counter

from odoo.tools import SQL

from ..support.progress import Report, seldom

#: People of a sample
SAMPLE_SIZE = 200

#: Dashboards that are listed in the report: of unexplained differences, and of others
LISTED = 100

_WORK = ("ms", "statements", "blocks")


def compare_all(env, is_everybody: bool, seed: int, report: Report) -> dict:
    """Compare the dashboards of people, in all companies and in each of several.

    Each in a transaction of its own, so that none is open for long. What is kept of
    each comparison is a few numbers, however many there are.

    :param seed: chooses the people of a sample
    :return: ``{people, dashboards, is_everybody, differing, reasons: {reason: number of
        opportunities or figures}, unexplained, listed: [{user_id, company_id, reasons,
        unexplained}], v1, v2: {ms, statements, blocks}}``; ``unexplained`` counts
        dashboards, and those are listed first; the work is that of all dashboards
    :raise Unreadable: a read model is broken
    """
    comparison = env["cqrs.api.v1.comparison"]
    ids = comparison._people()
    if not is_everybody:
        ids = _sample(env, ids, seed)
    report_seldom = seldom(report)
    people, dashboards = 0, Counter()
    reasons, listed = Counter(), {True: [], False: []}
    work = {side: Counter() for side in ("v1", "v2")}
    for number, user_id in enumerate(ids):
        report_seldom(number / len(ids), f"{number} / {len(ids)}")
        user = env["res.users"].browse(user_id).exists()
        # Since the beginning, somebody may have left.
        companies = user.company_ids.ids if user.active else ()
        people += bool(companies)
        for company_id in (None, *(companies if len(companies) > 1 else ())):
            if not companies:
                break
            # Ends the transaction: the next comparison has a snapshot of its own.
            env.cr.rollback()
            env.invalidate_all(flush=False)
            found = comparison._compare(
                env["res.users"].browse(user_id),
                env["res.company"].browse(company_id or ()),
            )
            why = reasons_of(found)
            reasons.update(why)
            dashboards["all"] += 1
            dashboards["differing"] += bool(why or not found["is_explained"])
            dashboards["unexplained"] += not found["is_explained"]
            for side, sums in work.items():
                sums.update({name: found[side]["work"][name] for name in _WORK})
            some = listed[found["is_explained"]]
            if (why or not found["is_explained"]) and len(some) < LISTED:
                some.append(
                    {
                        "user_id": user_id,
                        "company_id": company_id,
                        "reasons": dict(why),
                        "unexplained": found["unexplained"],
                    }
                )
    env.cr.rollback()
    env.invalidate_all(flush=False)
    return {
        "people": people,
        "dashboards": dashboards["all"],
        "is_everybody": is_everybody,
        "differing": dashboards["differing"],
        "unexplained": dashboards["unexplained"],
        "reasons": dict(reasons),
        "listed": listed[False] + listed[True],
        **{
            side: {name: round(sums[name]) for name in _WORK}
            for side, sums in work.items()
        },
    }


def reasons_of(found: dict) -> Counter:
    """Return the reasons of a comparison, and what each accounts for, by number.

    That is opportunities, those of the first page that only one page has, or figures.
    """
    counts = found["counts"]
    named = [each["reason"] for each in found["page"]]
    named += [name for each in found["figures"] for name in each["reasons"]]
    return Counter(counts) + Counter(name for name in named if name not in counts)


def _sample(env, ids: list[int], seed: int) -> list[int]:
    query = SQL(
        "SELECT id FROM unnest(%s) AS person (id)"
        " ORDER BY hashint4extended(id, %s) LIMIT %s",
        ids,
        seed,
        SAMPLE_SIZE,
    )
    return sorted(id_ for (id_,) in env.execute_query(query))
