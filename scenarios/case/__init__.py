"""A case: a scenario file with its schema, its check before a second is simulated, and the forcing it asks for."""
