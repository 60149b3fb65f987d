"""The streets people leave by: the graph, what water and cloud do to it, and where it leads."""
