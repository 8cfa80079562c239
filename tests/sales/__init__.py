"""Tests that need orders and invoices: ``./dev test --sales``.

Odoo's own loader does not see them, since ``tests`` does not import them.
"""
