"""What is to be measured, and where: handed over as a file of JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARTS = ("reads", "freshness", "writes", "parallel", "reorganisation", "rebuild")
"""In the order in which they run: the last ones change the most."""
OPTIONAL = ("products", "history", "webhooks", "sales", "screen")
"""Only where it is asked for: each has to make databases of its own first."""
PACES = ("once", "quick", "full")


@dataclass(frozen=True)
class Role:
    user_id: int
    employee_id: int
    login: str


@dataclass(frozen=True)
class Plan:
    """
    :ivar size: of the data, such as ``100k``; ``small_size`` is what it has grown from
    :ivar pace: how long all is repeated: one of ``PACES``
    :ivar databases: names by kind: ``installed``, ``bare``, ``auditlog_full``,
        ``auditlog_fast``, ``small``, ``before`` (with another version of the addon);
        all may be written to
    :ivar addons_paths: by kind, where it is not that of this process
    :ivar urls, servers: of ``installed``, ``bare``, ``small`` and ``before``: address,
        and process number
    :ivar roles: of ``installed``, ``small_roles`` of ``small``
    :ivar is_private: PostgreSQL is ./dev's own, whose settings may be changed
    :ivar first_build_s: what the first build of ``installed`` took
    :ivar sales: how many accounts have invoices, and what the first build with them
        took; empty without that part
    :ivar chromium: path of the browser, None where there is none
    :ivar json, markdown: files to write, None for none
    :ivar charts: the folder to draw charts in
    :ivar about: of the machine and the versions, by name
    """

    size: str
    small_size: str
    pace: str
    parts: tuple[str, ...]
    databases: dict[str, str]
    addons_paths: dict[str, str]
    urls: dict[str, str]
    servers: dict[str, int]
    roles: dict[str, Role]
    small_roles: dict[str, Role]
    password: str
    is_private: bool
    first_build_s: float
    sales: dict[str, float]
    chromium: str | None
    json: Path | None
    markdown: Path | None
    charts: Path
    about: dict[str, str]

    def pick(self, once: int, quick: int, full: int) -> int:
        """Return the one of this pace; of seconds, mostly."""
        return (once, quick, full)[PACES.index(self.pace)]

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Plan":
        def people(name: str) -> dict[str, Role]:
            return {role: Role(**each) for role, each in values[name].items()}

        return cls(
            **{
                **values,
                "parts": tuple(values["parts"]),
                "roles": people("roles"),
                "small_roles": people("small_roles"),
                "json": values["json"] and Path(values["json"]),
                "markdown": values["markdown"] and Path(values["markdown"]),
                "charts": Path(values["charts"]),
            }
        )
