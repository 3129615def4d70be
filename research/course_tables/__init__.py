"""The hyper-parameter tables of a course report on the fully connected GAN, run anew on MNIST."""
