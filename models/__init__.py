from . import event_store, projections, sources, history, dashboard, ir_http
