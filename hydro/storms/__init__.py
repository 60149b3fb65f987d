"""Rain: design storms from the formulae of cities, and how rain falls on cells and roofs."""
