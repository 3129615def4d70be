"""What is logged, drawn and scored while training goes on; shapes no weight."""
