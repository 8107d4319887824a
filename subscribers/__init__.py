"""The people: who gets which digest, what it says, and what became of it.

Pure, like ``feeds``, which it builds on. Time, secrets and templates come in as arguments.
"""
