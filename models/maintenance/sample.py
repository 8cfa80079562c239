"""The sample of the records that the oracle looks at, unless it looks at all."""

from dataclasses import dataclass

from odoo.tools import SQL

#: Numbers of leads, people and owners' leads in a sample
SAMPLE_SIZE = 2_000

#: Captured models of whose streams the oracle looks at some
SAMPLED = ("res.partner", "sale.order", "account.move")


@dataclass(frozen=True)
class Sample:
    """The records that the oracle looks at, by id.

    :ivar leads: compared with their rows
    :ivar users: compared with their profiles, and with the access to them
    :ivar owners: users whose sums are compared
    :ivar streams: other records compared with their rows, by captured model
    """

    leads: list[int]
    users: list[int]
    owners: list[int]
    streams: dict[str, list[int]]


def sample(env, seed: int) -> Sample:
    """Return a sample of the records, the same for the same seed and records.

    An owner of more leads than a sample may have is in no sample.
    """
    leads = SQL(
        """
        SELECT id FROM (SELECT id FROM crm_lead
                        UNION SELECT id FROM cqrs_opportunity_view) lead
        ORDER BY hashint4extended(id, %(seed)s) LIMIT %(size)s
        """,
        seed=seed,
        size=SAMPLE_SIZE,
    )
    users = SQL(
        """
        SELECT id FROM (SELECT id FROM res_users
                        UNION SELECT id FROM cqrs_user_profile) "user"
        ORDER BY hashint4extended(id, %(seed)s) LIMIT %(size)s
        """,
        seed=seed,
        size=SAMPLE_SIZE,
    )
    owners = SQL(
        """
        SELECT user_id FROM (
            SELECT user_id, sum(leads) OVER (
                ORDER BY hashint4extended(user_id, %(seed)s)) AS leads
            FROM (SELECT user_id, count(*) AS leads FROM crm_lead
                  WHERE user_id IS NOT NULL GROUP BY user_id) owner
            WHERE leads <= %(size)s
        ) owner
        WHERE leads <= %(size)s
        """,
        seed=seed,
        size=SAMPLE_SIZE,
    )

    def ids(query: SQL) -> list[int]:
        return sorted(id_ for (id_,) in env.execute_query(query))

    def streams(model: str) -> SQL:
        return SQL(
            """
            SELECT stream_id FROM cqrs_stream WHERE stream_model = %s
            ORDER BY hashint4extended(stream_id, %s) LIMIT %s
            """,
            model,
            seed,
            SAMPLE_SIZE,
        )

    return Sample(
        ids(leads),
        ids(users),
        ids(owners),
        {model: ids(streams(model)) for model in SAMPLED},
    )
