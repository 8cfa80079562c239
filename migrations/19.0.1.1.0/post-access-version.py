"""The version of the hierarchy is a sum of tokens, no row that all writers touch."""


def migrate(cr, version):
    cr.execute("DROP TABLE IF EXISTS cqrs_hierarchy")
