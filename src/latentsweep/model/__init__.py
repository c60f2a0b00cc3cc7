"""One variational autoencoder, and the family of them that differ in latent size."""
