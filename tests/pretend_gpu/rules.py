"""What a GPU refuses, what costs a kernel and what makes the host wait, operator by operator, by torch's tables."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from torch._ops import OpOverload

FREE = {
    "_local_scalar_dense", "_unsafe_view", "alias", "detach", "empty", "empty_like", "empty_strided", "is_pinned",
    "lift_fresh", "new_empty", "new_empty_strided", "set_",
}  # fmt: skip
"""Operators that start no kernel, besides views."""
WAITS = {
    "_linalg_check_errors", "_linalg_eigh", "_local_scalar_dense", "_unique2", "equal", "is_nonzero", "linalg_eig",
    "linalg_cholesky_ex", "linalg_lu_factor_ex", "masked_select", "nonzero", "unique_consecutive", "unique_dim",
}  # fmt: skip
"""Operators whose result, or its shape, the host waits for (cuSOLVER's are among them)."""
INDEXED = {"_index_put_impl_", "_unsafe_index", "index", "index_put", "index_put_"}
"""Operators that take their indices from the processor, too."""
UNORDERED = {
    "_adaptive_avg_pool2d_backward", "_upsample_bicubic2d_aa_backward", "_upsample_bilinear2d_aa_backward",
    "adaptive_max_pool2d_backward", "avg_pool3d_backward", "cumsum", "grid_sampler_2d_backward", "histc", "kthvalue",
    "max_unpool2d", "put_", "reflection_pad2d_backward", "replication_pad2d_backward", "upsample_bicubic2d_backward",
    "upsample_bilinear2d_backward",
}  # fmt: skip
"""Operators whose sums CUDA adds in any order: an error where deterministic ones are asked for."""
RESHAPED = {"resize_", "squeeze_", "swapaxes_", "t_", "transpose_", "unsqueeze_"}
"""Operators that change a tensor's shape in place, which a wrapper can't follow."""


def name(func: OpOverload) -> str:
    """`aten::add.Tensor` -> `add`."""
    return func._schema.name.removeprefix("aten::")


@cache
def takes_scalars_of_the_processor(func: OpOverload) -> bool:
    """Whether the GPU's kernel takes a tensor without dimensions from the processor, as those of TensorIterator do."""
    if name(func).startswith(("_foreach", "_fused")):
        return False
    own = _entry(func)
    if own is None:
        return True
    delegate = re.search(r"structured_delegate: (\S+)", own)
    return "NoCheck" in own or (delegate is not None and "NoCheck" in _entries()[delegate[1]])


@cache
def runs_on_mps(func: OpOverload) -> bool:
    """Whether torch has a kernel of an operator for Apple's GPU, or makes it of others."""
    if func.is_view or name(func) in FREE or func.namespace != "aten":
        return True
    own = _entry(func)
    if own is None:  # generated from another, or in C++ alone
        return func._can_decompose()
    delegate = re.search(r"structured_delegate: (\S+)", own)
    found = _entries()[delegate[1]] if delegate else own
    return "dispatch:" not in found or re.search(r"^ +[^#\n]*\b(MPS|Composite\w+)\b[^#\n]*:", found, re.M) is not None


def _entry(func: OpOverload) -> str | None:
    overload = "" if func._overloadname == "default" else f".{func._overloadname}"
    return _entries().get(name(func) + overload)


@cache
def _entries() -> dict[str, str]:
    """Operator -> its entry in the table that torch is generated from."""
    found = find_spec("torchgen")
    assert found is not None and found.origin is not None
    table = Path(found.origin).parent / "packaged/ATen/native/native_functions.yaml"
    entries = table.read_text(encoding="utf-8").split("\n- func: ")[1:]
    return {text.partition("(")[0]: text for text in entries}
