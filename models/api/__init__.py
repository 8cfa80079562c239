from . import position, quota, settings, v1, key_binding, ir_http
