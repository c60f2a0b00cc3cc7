"""How precisely matrix products are computed, said aloud wherever a network is applied.

Left to itself, JAX lets a GPU round the entries of float32 matrices to TF32, with 10 bits after the
leading one instead of 23. Here they stay float32 unless a study asks for less, and its networks are
measured in float32 even then. Sums are float32 in any case, like all that products come from and go
to. A CPU has no use for the choice.
"""

from contextlib import AbstractContextManager

import jax

from latentsweep.study import ProductPrecision

_JAX_NAMES: dict[ProductPrecision, str] = {
    "float32": "highest",
    "tf32": "tensorfloat32",
    "bfloat16": "BF16_BF16_F32",  # JAX's "bfloat16" is its default, on a GPU TF32
}


def products_in(precision: ProductPrecision) -> AbstractContextManager[None]:
    """A block whose matrix products, and their gradients wherever taken, have this precision."""
    return jax.default_matmul_precision(_JAX_NAMES[precision])
