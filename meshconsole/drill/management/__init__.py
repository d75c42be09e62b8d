"""The command of `manage.py` that runs a drill."""
