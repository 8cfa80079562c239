from . import reader, series, dashboard_metrics, folding
