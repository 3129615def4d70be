"""The training data: sources, archives, crops, and the data set they become."""
