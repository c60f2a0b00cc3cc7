"""The layers of a built-in network in an ONNX graph.

    encoder:  "seen" [N, D]  ->  its last hidden layer [N, H]
    decoder:  "z" [N, K]     ->  "outputs" [N, P D]

A linear path beside the layers is a product more, added to what they give.

A picture is [N, channels, height, width] in ONNX and [height, width, channels] in the weights'
own order. Halving is Conv, doubling ConvTranspose, both with a stride of 2: one pixel is padded, or
cut off, where a side begins, and at its end one if the larger side is even and two if it is odd.
"""

from collections.abc import Sequence
from itertools import count, takewhile

import numpy as np

from latentsweep.onnx_mean import Piece, Step
from latentsweep.onnx_network import Network

_CHANNELS_FIRST, _CHANNELS_LAST = {"perm": [0, 3, 1, 2]}, {"perm": [0, 2, 3, 1]}


def encoder_layers(network: Network) -> Piece:
    """From "seen" to the last hidden layer."""
    if network.kind == "convolutional":
        picture = _halved(network)
        dense = _dense(network, picture.given, _numbered(network, "encoder/hidden"))
        return picture.then(dense)
    layers = ["encoder/hidden", *_numbered(network, "encoder/deeper")]
    return _dense(network, "seen", layers)


def decoder_layers(network: Network) -> Piece:
    """From "z" to "outputs"."""
    return beside(network, "decoder", "z", _parameters(network))


def beside(network: Network, part: str, source: str, layers: Piece) -> Piece:
    """Layers, with what the linear path of their part makes of `source` added, if there is one."""
    if not network.shape.path:
        return layers
    (*steps, last), path, made = layers.steps, f"{part}/path", f"{layers.given} of the layers"
    ends = [
        last._replace(given=made),
        Step("Gemm", [source, f"{path}/weight", f"{path}/bias"], path),
        Step("Add", [made, path], last.given),
    ]
    return Piece([*steps, *ends], {**layers.constants, **network.linear(path)})


def _parameters(network: Network) -> Piece:
    """What the decoder's layers make of "z"."""
    if network.kind == "convolutional":
        dense = _dense(network, "z", _numbered(network, "decoder/hidden"))
        return dense.then(_doubled(network, dense.given))
    layers = ["decoder/hidden", *_numbered(network, "decoder/deeper")]
    deep = network.kind != "linear-decoder"
    hidden, last = _dense(network, "z", layers if deep else []), "decoder/output"
    source = hidden.given if deep else "z"
    output = Step("Gemm", [source, f"{last}/weight", f"{last}/bias"], "outputs")
    return hidden.then(Piece([output], network.linear(last)))


def _dense(network: Network, source: str, layers: Sequence[str]) -> Piece:
    """Layers of ReLU units, one after the other."""
    piece = Piece([], {})
    for layer in layers:
        steps = [Step("Gemm", [source, f"{layer}/weight", f"{layer}/bias"], layer), _relu(layer)]
        piece, source = piece.then(Piece(steps, network.linear(layer))), steps[-1].given
    return piece


def _halved(network: Network) -> Piece:
    """From "seen" to the values of the smallest picture, in the order of the weights."""
    shape = np.array([0, *network.shape.image], np.int64)
    begin = [
        Step("Reshape", ["seen", "shape of picture"], "picture"),
        Step("Transpose", ["picture"], "channels first", _CHANNELS_FIRST),
    ]
    piece = Piece(begin, {"shape of picture": shape})
    layers, sides = _numbered(network, "encoder/convolutions"), network.shape.sides
    for layer, larger in zip(layers, sides[:0:-1], strict=True):
        step = _convolution("Conv", piece.given, layer, larger)
        piece = piece.then(Piece([step, _relu(layer)], _kernel(network, layer, (3, 2, 0, 1))))
    end = [
        Step("Transpose", [piece.given], "channels last", _CHANNELS_LAST),
        Step("Flatten", ["channels last"], "pixels"),
    ]
    return piece.then(Piece(end, {}))


def _doubled(network: Network, source: str) -> Piece:
    """From the values of the smallest picture to "outputs", one parameter of all pixels first."""
    sides = network.shape.sides
    layers, pixels = _numbered(network, "decoder/convolutions"), sides[-1][0] * sides[-1][1]
    channels = network.arrays[f"{layers[0]}/kernel"].shape[2]
    shapes = {
        "shape of picture": [0, *sides[0], channels],
        "shape by parameter": [0, network.parameters, network.features // pixels, pixels],
    }
    begin = [
        Step("Reshape", [source, "shape of picture"], "picture"),
        Step("Transpose", ["picture"], "channels first", _CHANNELS_FIRST),
    ]
    piece = Piece(begin, {name: np.array(shape, np.int64) for name, shape in shapes.items()})
    for place, layer in enumerate(layers):
        if place > 0:
            piece = piece.then(Piece([_relu(piece.given)], {}))
        step = _convolution("ConvTranspose", piece.given, layer, sides[place + 1])
        piece = piece.then(Piece([step], _kernel(network, layer, (2, 3, 0, 1))))
    end = [
        Step("Reshape", [piece.given, "shape by parameter"], "by parameter"),
        Step("Transpose", ["by parameter"], "pixel by pixel", {"perm": [0, 1, 3, 2]}),
        Step("Flatten", ["pixel by pixel"], "outputs"),
    ]
    return piece.then(Piece(end, {}))


def _convolution(operator: str, source: str, layer: str, larger: tuple[int, int]) -> Step:
    """A step between a picture of these sides and one of half of them."""
    pads = [1, 1, *(1 + side % 2 for side in larger)]
    taken = [source, f"{layer}/kernel", f"{layer}/bias"]
    return Step(operator, taken, layer, {"strides": [2, 2], "pads": pads})


def _kernel(network: Network, layer: str, axes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """A convolution's arrays, the kernel's axes as its operator has them."""
    kernel = np.ascontiguousarray(network.arrays[f"{layer}/kernel"].transpose(axes))
    return {f"{layer}/kernel": kernel, f"{layer}/bias": network.arrays[f"{layer}/bias"]}


def _relu(source: str) -> Step:
    return Step("Relu", [source], f"relu of {source}")


def _numbered(network: Network, group: str) -> list[str]:
    """The layers of a group, in order: GROUP/0, GROUP/1, ..."""
    names = (f"{group}/{place}" for place in count())
    return list(takewhile(lambda layer: f"{layer}/bias" in network.arrays, names))
