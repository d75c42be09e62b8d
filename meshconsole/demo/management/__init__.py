"""Commands of `manage.py` that start processes."""
