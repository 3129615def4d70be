"""Where photos come from, one module a source."""
