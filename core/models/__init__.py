"""The only place where models are loaded."""
