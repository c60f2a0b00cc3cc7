"""From fresh weights to trained ones: the optimiser, where it runs, the pure steps, the loop."""
