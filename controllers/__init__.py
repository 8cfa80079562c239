from . import dispatcher, dashboard, events
