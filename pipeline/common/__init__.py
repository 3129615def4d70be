"""What every layer may use: errors, files, paths, progress, devices, random numbers."""
