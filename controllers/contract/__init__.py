from . import document, docs_page
