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


def add_currency_rates(main, second, rates):
    """Value either company's currency in the books of the other.

    :param rates: (day, units of the second currency for one of the main) pairs; days
        that have a rate already keep it
    """
    for company, foreign, exponent in (
        (main, second.currency_id, 1),
        (second, main.currency_id, -1),
    ):
        Rate = main.env["res.currency.rate"]
        known = Rate.search(
            [("company_id", "=", company.id), ("currency_id", "=", foreign.id)]
        )
        known_days = set(known.mapped("name"))
        # Relative to the company's own currency: the technical rate is relative to
        # whichever currency the database's other rates count from.
        Rate.create(
            [
                {
                    "name": day,
                    "currency_id": foreign.id,
                    "company_id": company.id,
                    "company_rate": rate**exponent,
                }
                for day, rate in rates
                if day not in known_days
            ]
        )
