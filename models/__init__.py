from . import event_store, projections, sources, access, history, dashboard, ir_http
