from . import position, quota, settings, v1, key_binding, key_companies, ir_http
