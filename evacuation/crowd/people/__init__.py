"""The people of a venue: who they are, when they come and go, how they walk and press."""
