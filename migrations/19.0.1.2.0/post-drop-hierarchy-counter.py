"""The counter of the hierarchy, which versions of their own replaced in 19.0.1.1.0."""


def migrate(cr, version):
    cr.execute("DROP TABLE IF EXISTS cqrs_hierarchy")
