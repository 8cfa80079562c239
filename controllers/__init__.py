from . import dispatcher, dashboard
