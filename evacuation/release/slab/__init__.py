"""Dense gas as a slab: a steady plume or a puff with momentum, heat, droplets and gravity (Ermak 1990, SLAB class)."""
