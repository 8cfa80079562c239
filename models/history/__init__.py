from . import buttons, event_changes, history
