from . import buttons, event_changes, event_record, history, put_back
