"""What leaves a tank: a file per kind of source."""
