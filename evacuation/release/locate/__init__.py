"""Where is the leak, and how strong: a source sought from what gas detectors read and how the wind blew."""
