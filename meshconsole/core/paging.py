"""Lists come in pages that do not shift when rows arrive: by cursor, never by number."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class CursorPaging(CursorPagination):
    """Newest first unless the view says another `ordering`; `?page_size=` up to 500."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-id"
