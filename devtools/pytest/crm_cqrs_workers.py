"""A pytest plugin: each worker at a server of its own, and what takes longest first.

It is loaded before Odoo, which reads the server's variables once.
"""

import gc
import os

import pytest

#: The environment of each worker's PostgreSQL server, given by ``./dev test``
PORTS = os.environ.get("CRM_CQRS_SERVER_PORTS", "").split()

SLOWEST = (
    "test_modules_come_and_go",
    "test_install_and_uninstall_with_sales",
    "test_any_history_of_sales",
    "test_from_lead_to_paid_invoice",
    "test_api_schemathesis",
    "test_benchmarks",
    "test_models_on_record_tour",
    "test_install_beside_a_server",
    "test_accessibility",
    "test_cqrs_command",
    "test_first_build_goes_on",
    "test_databases_of_one_server",
    "test_take_along",
    "test_the_past_before_the_installation",
    "test_v1_beside_v2",
    "test_api_several_workers",
    "test_no_bypass",
    "test_keyboard",
    "test_any_life_of_a_database",
    "test_archiving_beside_others",
    "test_demo_organisation",
    "test_dashboard_at_a_glance",
    "test_broken_read_model",
    "test_webhook_servers",
    "test_webhooks_survive_kills",
    "test_company_exports",
    "test_forget_a_person",
    "test_acceptance",
    "test_wheel",
    "test_projections_equal_the_oracle",
    "test_whose_past_after_any_reorganisation",
    "test_companies_see_their_own",
    "test_install_and_uninstall",
    "test_customers_tour",
    "test_deal_sheet",
    "test_search_bar",
    "test_desk_tour",
    "test_log_restored_into_a_younger_cluster",
    "test_api_on_a_replica",
    "test_checkpoints_between_servers",
    "test_concurrent_reorganisation",
    "test_dashboard_tours",
    "test_why_the_pipeline_fell",
    "test_dashboard_live_in_a_browser",
    "test_api_in_a_browser",
    "test_generated_clients",
)
"""Files to begin with: one of them at the end would keep all but one worker idle."""

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["PGPORT"] = PORTS[int(worker.removeprefix("gw"))]


@pytest.fixture(scope="session", autouse=True)
def leave_what_is_loaded_alone(load_registry):
    """Look for garbage among what tests make: the code and the models stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_collection_modifyitems(items):
    order = {name: number for number, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))
