"""Programs that made what the package ships; they import the package, never the other way."""
