"""What may be said about a trained network: numbers that are right and comparable across sizes."""
