from . import lead_history
