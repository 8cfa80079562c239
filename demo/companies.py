"""The two companies of the generated sales organisation, and their currencies."""

SECOND_COMPANY = "Polaris Nord"


def two_companies(env):
    """The database's main company, and a new one that has another currency."""
    main = env.ref("base.main_company")
    code = "USD" if main.currency_id.name == "EUR" else "EUR"
    currency = (
        env["res.currency"]
        .with_context(active_test=False)
        .search([("name", "=", code)])
    )
    currency.active = True
    # No address or site: `partner_autocomplete` would ask Odoo's servers about them.
    second = env["res.company"].create(
        {"name": SECOND_COMPANY, "currency_id": currency.id}
    )
    return main + second


def find_companies(env):
    """The same two, made in an earlier part of the build."""
    second = env["res.company"].search([("name", "=", SECOND_COMPANY)])
    return env.ref("base.main_company") + second


def add_currency_rate(companies, day, rate):
    """Value either company's currency in the books of the other.

    :param day: from when on; a day that has a rate already keeps it
    :param rate: units of the second currency for one of the main one
    """
    main, second = companies
    for company, foreign, exponent in (
        (main, second.currency_id, 1),
        (second, main.currency_id, -1),
    ):
        Rate = main.env["res.currency.rate"]
        known = [
            ("company_id", "=", company.id),
            ("currency_id", "=", foreign.id),
            ("name", "=", day),
        ]
        if Rate.search_count(known, limit=1):
            continue
        # Relative to the company's own currency: the technical rate is relative to
        # whichever currency the database's other rates count from.
        Rate.create(
            {
                "name": day,
                "currency_id": foreign.id,
                "company_id": company.id,
                "company_rate": rate**exponent,
            }
        )
