"""What fixes the compiled program of a network: its kind and its sizes."""

import math
from typing import NamedTuple

WITH_LAYERS = ("dense", "convolutional")  # in both parts
BUILT_IN = (*WITH_LAYERS, "linear-decoder")
_SMALL = 8
_FIRST_CHANNELS, _MOST_CHANNELS = 32, 256


class NetworkShape(NamedTuple):
    """The kind and the sizes of a network.

    `hidden` are the dense layers' sizes from the data to the code. `network` is one of the built-in
    kinds, or the `module:Class` of a user's own, whose `width` is always its own latent size.
    `path` says that one of layers in both parts has a linear path beside them.
    """

    item_shape: tuple[int, ...]
    parameters_per_feature: int
    hidden: tuple[int, ...]
    width: int
    network: str = "dense"
    path: bool = False

    @property
    def features(self) -> int:
        """D."""
        return math.prod(self.item_shape)

    @property
    def is_padded(self) -> bool:
        """Whether networks of several latent sizes can be padded to one width."""
        return self.network in BUILT_IN

    @property
    def image(self) -> tuple[int, int, int]:
        """Height, width and channels of a picture."""
        height, width, channels = (*self.item_shape, 1)[:3]
        return height, width, channels

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """Height and width of the pictures of a convolutional pair, from the smallest on."""
        sides = [self.image[:2]]
        while len(sides) == 1 or min(sides[-1]) > _SMALL:
            height, width = sides[-1]
            sides.append((-(-height // 2), -(-width // 2)))
        return tuple(reversed(sides))

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each of its pictures from the first that is halved on."""
        count = len(self.sides) - 1
        return tuple(min(_FIRST_CHANNELS * 2**place, _MOST_CHANNELS) for place in range(count))
