"""The door in: files of the world -> nouns of the twin. One file per kind of source."""
