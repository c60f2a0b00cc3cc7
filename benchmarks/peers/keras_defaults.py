"""Keras on TensorFlow with what `model.compile` does by itself, as the report that began this."""

from typing import ClassVar

import keras_tensorflow
from contract import Peer, main


class Training(keras_tensorflow.Training):
    """`model.fit` with its defaults."""

    settings: ClassVar = {}


if __name__ == "__main__":
    main(Peer(Training, keras_tensorflow.product, ("tensorflow", "keras", "numpy")))
