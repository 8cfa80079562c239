"""The companies to which the credentials of a request bind its caller.

They stand in the context of its environment. Whatever a client writes there makes it
see less, never more: who asks takes those of the user's companies that are among them.
"""

#: The key of the context; not there for a caller who is bound to no company
BOUND = "cqrs_bound_company_ids"


def bound_company_ids(env) -> tuple[int, ...] | None:
    """Return the companies that bind the caller, sorted; None for no such bound."""
    ids = env.context.get(BOUND)
    return None if ids is None else tuple(sorted({int(id_) for id_ in ids}))


def within_bounds(env, company_ids: tuple[int, ...]) -> tuple[int, ...]:
    """Return those of some companies that the caller's bound leaves, in their order."""
    bound = bound_company_ids(env)
    if bound is None:
        return company_ids
    return tuple(id_ for id_ in company_ids if id_ in bound)
