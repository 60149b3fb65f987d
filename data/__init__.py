"""Cities that travel with the program, read with `importlib.resources`."""
