"""A plugin of pytest: each worker has the PostgreSQL server of its number.

pytest-xdist names its workers gw0, gw1, … in PYTEST_XDIST_WORKER; the servers' ports
are in CRM_CQRS_PORTS. Odoo and all that tests start go by PGPORT.
"""

import os

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    ports = os.environ["CRM_CQRS_PORTS"].split()
    os.environ["PGPORT"] = ports[int(worker.removeprefix("gw"))]
