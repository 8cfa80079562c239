"""Readers of an exported list: the rights are those of the moment of reading."""

from odoo.exceptions import AccessError, UserError

from ..support.bound_companies import BOUND

#: Odoo's own privilege to export
GROUP = "base.group_allow_export"


def check_export(env) -> None:
    """Check that the user has Odoo's privilege to export.

    :raise AccessError: not
    """
    if not env.user.has_group(GROUP):
        raise AccessError(
            env._(
                "You may not export. Ask an administrator for the access right"
                " “Export: Allowed”."
            )
        )


def reader(env, user, company_ids, bound_ids=None):
    """Return the environment of a user who exports, with some companies switched on.

    :param company_ids: those of them in which the user may still work are
    :param bound_ids: the companies to which the credentials bound the caller, or None
    :raise UserError: the user has left
    :raise AccessError: the user may not export, or may work in none of the companies
    """
    if not user.active:
        raise UserError(env._("%s has left.", user.name))
    allowed = set(user._get_company_ids())
    company_ids = [id_ for id_ in company_ids if id_ in allowed]
    if not company_ids:
        raise AccessError(
            env._("%s has no access to these companies any more.", user.name)
        )
    context = {
        "lang": user.lang,
        "tz": user.tz,
        "allowed_company_ids": company_ids,
        **({} if bound_ids is None else {BOUND: bound_ids}),
    }
    found = env(user=user.id, su=False, context=context)
    check_export(found)
    return found
