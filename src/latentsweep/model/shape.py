"""What fixes the compiled program of a network: its kind and its sizes."""

import math
from typing import NamedTuple

BUILT_IN = ("dense", "convolutional")


class NetworkShape(NamedTuple):
    """The kind and the sizes of a network.

    `hidden` are the dense layers' sizes from the data to the code. `network` is one of the built-in
    kinds, or the `module:Class` of a user's own, whose `width` is always its own latent size.
    """

    item_shape: tuple[int, ...]
    parameters_per_feature: int
    hidden: tuple[int, ...]
    width: int
    network: str = "dense"

    @property
    def features(self) -> int:
        """D."""
        return math.prod(self.item_shape)

    @property
    def is_padded(self) -> bool:
        """Whether networks of several latent sizes can be padded to one width."""
        return self.network in BUILT_IN
