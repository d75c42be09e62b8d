"""Casework: reads facts from rows, asks the policy, and does what it answers, one step at a time.

`gathering` and `meshwide` read, `healer.policy` decides, `applying` writes; `draining`,
`executing`, `probing` and `verifying` are the hands. Every wait is a row: whoever is killed has
lost nothing but the seconds until its lease ends.
"""
