"""Room for the hazards that move people: release, movement and crowd, each a folder of its own."""
