"""The words: bytes become articles, articles get themes, themes become feeds.

Pure: nothing here opens a socket or a file, reads a clock or holds a session. Time, ids and bytes
come in as arguments, so every rule can be tested by calling it.
"""
