"""The health of the event store, as an administrator is shown it."""

from .common import RealCursors, administrator


class Health(RealCursors):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = administrator(cls.env)
        cls.env.cr.flush()

    def health(self, part=None):
        self.env.flush_all()
        health = self.env["cqrs.health"].with_user(self.admin).read_health()
        return health[part] if part else health

    def execute(self, query, *parameters):
        self.env.cr.execute(query, parameters)

    def execute_without_triggers(self, query, *parameters):
        self.execute("SET LOCAL session_replication_role = replica")
        self.execute(query, *parameters)
        self.execute("SET LOCAL session_replication_role = origin")

    def lengthen_tail(self, changes):
        self.execute(
            "INSERT INTO cqrs_metrics_tail (occurred_at)"
            " SELECT now() FROM generate_series(1, %s)",
            changes,
        )

    def run_of(self, **values):
        return self.env["cqrs.run"].create({"kind": "verify", **values})

    def date_back(self, run, create_date):
        self.env.flush_all()
        self.execute(
            "UPDATE cqrs_run SET create_date = %s WHERE id = %s", create_date, run.id
        )
