"""The edges: where this program meets the network, the disk and other processes."""
