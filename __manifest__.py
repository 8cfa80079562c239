{
    "name": "CRM CQRS",
    "summary": "Every CRM change on record; managers see what their people sell",
    "version": "19.0.1.0.0",
    "category": "Sales/CRM",
    "author": "CRM CQRS contributors",
    "website": "https://github.com/crm-cqrs/crm_cqrs",
    "license": "LGPL-3",
    "depends": ["crm", "hr"],
    "data": [
        "security/groups.xml",
        "security/ir.model.access.csv",
        "security/rules.xml",
        "data/ir_cron.xml",
        "views/dashboard_views.xml",
        "views/event_views.xml",
        "views/run_views.xml",
        "views/lead_history_views.xml",
        "views/settings_views.xml",
        "views/delegation_views.xml",
        "views/api_docs.xml",
        "views/api_views.xml",
    ],
    "assets": {
        "web.assets_backend": [
            "crm_cqrs/static/src/**/*",
        ],
        "web.assets_tests": [
            "crm_cqrs/static/tests/tours/**/*",
        ],
        "web.assets_unit_tests": [
            "crm_cqrs/static/tests/dashboard/**/*",
        ],
    },
    "post_init_hook": "post_init_hook",
    "uninstall_hook": "uninstall_hook",
    "application": False,
    "installable": True,
}
