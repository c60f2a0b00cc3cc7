"""Adam on CPUs by one kernel, which forms the gradient of a dense layer and spends it at once."""
