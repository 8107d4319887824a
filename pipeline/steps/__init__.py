"""The steps of the path: each loads, lets pure code decide, and acts. What they need is handed in."""
