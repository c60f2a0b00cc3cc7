"""One kernel that forms a dense layer's gradient and spends it at once."""
