"""A chemical release: from the hole in the tank to the cloud and the dose of people outdoors and indoors."""
