"""The axis letters of every shape annotation in the package: each means one thing everywhere.

A shape is written once, in the annotation, with these letters; `Float[Array, "B D"]` is a batch of
examples. Lower-case words and `*item` stand for sizes that only one function knows.
"""

AXES = {
    "M": "member: one network of the family",
    "N": "example of a data set or split",
    "E": "shown example",
    "B": "example of a batch",
    "D": "data feature of a flattened example",
    "P": "parameter of the likelihood for each data feature",
    "H": "hidden unit",
    "K": "latent dimension, padded to the widest member inside a family",
    "S": "Monte-Carlo sample of a latent code",
    "T": "training step of a chunk",
}
