from . import event_changes, lead_history
