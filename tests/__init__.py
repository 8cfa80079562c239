from . import (
    test_access_follows_the_hierarchy,
    test_api_credentials,
    test_concurrent_reorganisation,
    test_demo_organisation,
    test_epoch_after_a_restore,
    test_exact_json_amounts,
    test_install_and_uninstall,
    test_manager_dashboard,
    test_one_event_per_change,
    test_reconciler,
    test_rolled_back_work,
    test_user_profile,
)
