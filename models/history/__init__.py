from . import event_changes, history
