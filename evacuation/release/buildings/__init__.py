"""Wind around buildings, and particles in it: a diagnostic model of the Roeckle class for the streets near a source."""
