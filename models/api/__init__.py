from . import position, quota, settings, v1, ir_http
