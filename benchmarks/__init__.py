"""What ``./dev bench`` runs in Odoo's own Python, beside the servers it measures.

It is given a plan (``plan.py``) and prints, writes and draws what it finds.
"""
