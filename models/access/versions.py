"""The version of who people are, and of who stands above whom."""

from odoo.tools import SQL

from ..support import versions
from ..support.answer_context import question

# The version of the closure, and that of the profiles. Where the past is read there is
# no token of the closure.
_VERSIONS = f"""
    SELECT json_build_array(sum(token)::text, {versions.total("cqrs_people")}::text)
    FROM cqrs_access_version HAVING count(*) > 0
"""


@question()
def _versions(user):
    return SQL(_VERSIONS)


def people_version(env, user) -> tuple[str, str] | None:
    """Return the version of who people are, and of who stands above whom.

    None where the past is read.
    """
    versions = _versions(env, user)
    return versions and tuple(versions)


def closure_version(env) -> str | None:
    """Return the version of who stands above whom; None where the past is read."""
    versions = _versions(env, env.user)
    return versions and versions[0]
