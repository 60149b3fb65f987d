"""The venue: walls, gates, sources and goals, the raster on which ways are found, and which gates are open when."""
