"""What shapes the weights: the training fingerprint covers this folder."""
