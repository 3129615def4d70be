"""Pages about a run: its files are read, plotted and put into words."""
