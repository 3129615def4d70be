"""What is watched while training goes on; shapes no weight."""
