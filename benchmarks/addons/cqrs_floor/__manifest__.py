{
    "name": "CRM CQRS Benchmark Floor",
    "summary": "The least that an authenticated JSON route can do.",
    "version": "19.0.1.0.0",
    "author": "CRM CQRS contributors",
    "license": "LGPL-3",
    "category": "Hidden",
    "depends": ["web"],
    "installable": True,
}
