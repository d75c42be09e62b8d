"""The hands: a tick looks for due rows, decides, takes one step, and goes home.

`schedule` says when, `tasks` are what Celery calls, `tick` does one round. No table lives here;
rows and the rules about them belong to the rooms of `meshconsole`.
"""
