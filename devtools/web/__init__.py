"""Odoo over HTTP: served, asked and looked at."""
