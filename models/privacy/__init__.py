from . import (
    legal_hold,
    forgetting,
    run,
    retention,
    odoo_privacy,
    assistant,
)
