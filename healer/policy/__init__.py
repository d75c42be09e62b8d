"""The brain of healing, pure: facts and a time in, a decision with its reasons out.

Nothing here reads a row, a clock or a socket: `healer.casework` gathers facts and applies what is
decided.
"""
