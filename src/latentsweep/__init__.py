"""How many latent dimensions does my data need, and how sure can I be?"""

__version__ = "0.1.0"
