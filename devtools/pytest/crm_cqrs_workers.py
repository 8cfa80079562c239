"""A pytest plugin: each worker at a server of its own, and what takes longest first.

It is loaded before Odoo, which reads the server's variables once.
"""

import os

#: The environment of each worker's PostgreSQL server, given by ``./dev test``
PORTS = os.environ.get("CRM_CQRS_SERVER_PORTS", "").split()

SLOWEST = (
    "test_modules_come_and_go",
    "test_install_and_uninstall_with_sales",
    "test_any_history_of_sales",
    "test_from_lead_to_paid_invoice",
    "test_benchmarks",
    "test_api_schemathesis",
    "test_models_on_record_tour",
    "test_first_build_goes_on",
    "test_install_beside_a_server",
    "test_accessibility",
    "test_the_past_before_the_installation",
    "test_api_several_workers",
    "test_keyboard",
    "test_wheel",
    "test_cqrs_command",
    "test_projections_equal_the_oracle",
    "test_install_and_uninstall",
    "test_desk_tour",
    "test_log_restored_into_a_younger_cluster",
    "test_api_on_a_replica",
    "test_dashboard_tours",
    "test_dashboard_live_in_a_browser",
    "test_api_in_a_browser",
)
"""Files to begin with: one of them at the end would keep all but one worker idle."""

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["PGPORT"] = PORTS[int(worker.removeprefix("gw"))]


def pytest_collection_modifyitems(items):
    order = {name: number for number, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))
