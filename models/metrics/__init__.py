from . import reader, dashboard_metrics, folding
