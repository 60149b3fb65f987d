"""A crowd of a whole district as a density on a raster, for places too large to follow every person."""
