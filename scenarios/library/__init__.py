"""Ready scenarios, each executed by the tests."""
