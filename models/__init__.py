from . import event_store, projections, sources, dashboard, ir_http
