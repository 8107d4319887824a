"""The shell: the only package with sockets, files, clocks and transactions."""
