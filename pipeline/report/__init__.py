"""Pages that tell a run: what it leaves, read, plotted and put into words."""
