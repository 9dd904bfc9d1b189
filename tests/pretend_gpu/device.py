"""A pretend GPU: tensors that say they are on `cuda:0`, hold values on the processor and refuse what a GPU refuses.

torch, Lightning and autocast take them for a GPU's. As Apple's GPU, `mps:0`, it also refuses float64 and what torch has
no kernel for there. Kernels, and what makes the host wait, are counted with the line of
nst that asked for it. It says nothing of speed, memory, rounding and determinism: there are no CUDA kernels here.

`enter` must come before torch is imported, in a process that does nothing else.
"""

import collections
import contextlib
import ctypes
import functools
import os
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KIND = os.environ.get("KIND", "cuda")
"""Of the GPU: `cuda`, or `mps` for Apple's."""
SOURCES = str(ROOT / "src/nst") + os.sep


def enter(*, free: float = 70e9) -> None:
    """Make this process one that has a GPU of `KIND`, with so many free bytes."""
    assert "torch" not in sys.modules
    shim = _shim()
    import torch

    assert not torch.cuda.is_available(), "a real GPU is here: run the tests marked gpu on it"
    torch._C._ensureCUDADeviceGuardSet()
    ctypes.c_int.in_dll(shim, "devices").value = 8
    torch.__future__.set_swap_module_params_on_conversion(True)  # `module.to` can't set the data of another class
    torch._C._set_only_lift_cpu_tensors(True)
    if KIND == "cuda":
        mock.patch.multiple(torch.cuda, **_answers(free)).start()
    else:
        answers = {name: _answers(free)[name] for name in ("_lazy_init", "current_device", "device")}
        answers |= {"is_available": lambda: False, "device_count": lambda: 0}
        mock.patch.multiple(torch.cuda, **answers).start()  # for torch's C++ it is a GPU of this kind
        mock.patch.multiple(
            torch.backends.mps, is_available=functools.cache(lambda: True), is_built=lambda: True
        ).start()
        mock.patch("platform.processor", lambda: "arm").start()  # Lightning asks for it
        mock.patch.object(torch.Tensor, "to", _with_index(torch.Tensor.to)).start()
        mock.patch.multiple(torch.mps, **_answers_of_mps(free)).start()
    _classes().mode.__enter__()


def _shim() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "shim.so"
        subprocess.run(
            [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", made, HERE / "shim.c"],
            check=True,
        )
        return ctypes.CDLL(str(made), ctypes.RTLD_GLOBAL)


def _answers(free: float) -> dict[str, Any]:
    """What torch.cuda says, as far as nst and Lightning ask."""
    import torch

    properties = types.SimpleNamespace(
        name="Pretend GPU", total_memory=int(80e9), major=9, minor=0, multi_processor_count=132
    )
    return {
        "_lazy_init": lambda: None,
        "current_device": lambda: 0,
        "device": lambda index: contextlib.nullcontext(),
        "device_count": lambda: 1,
        "empty_cache": lambda: None,
        "get_device_capability": lambda device=None: (9, 0),
        "get_device_name": lambda device=None: properties.name,
        "get_device_properties": lambda device=None: properties,
        "get_rng_state_all": lambda: [torch.get_rng_state()],
        "is_available": lambda: True,
        "is_bf16_supported": lambda including_emulation=True: True,
        "is_initialized": lambda: True,
        "make_graphed_callables": _graphed,
        "manual_seed": lambda seed: None,
        "manual_seed_all": lambda seed: None,
        "max_memory_allocated": lambda device=None: 1,
        "mem_get_info": lambda device=None: (int(free), properties.total_memory),
        "memory_allocated": lambda device=None: 0,
        "memory_reserved": lambda device=None: 0,
        "reset_peak_memory_stats": lambda device=None: None,
        "set_device": lambda index: None,
        "set_rng_state_all": lambda states: None,
        "synchronize": lambda device=None: None,
    }


def _graphed(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Return a function, whose values are its own, if it and its gradient have nothing that a graph can't record."""
    import torch

    if torch.is_autocast_enabled("cuda") and torch.is_autocast_cache_enabled():
        raise RuntimeError("make_graphed_callables does not support the autocast caching")
    inputs = [argument for argument in arguments if argument.requires_grad]
    outputs = torch.utils._pytree.tree_leaves(function(*arguments))  # what is made once is made in the warm-up
    with counted() as counts:
        outputs = torch.utils._pytree.tree_leaves(function(*arguments))
        torch.autograd.grad([output for output in outputs if output.requires_grad], inputs)
    if counts.waits:
        raise RuntimeError(f"operation not permitted when stream is capturing: {', '.join(counts.waits)}")
    graphs.append(counts)
    return function


def _answers_of_mps(free: float) -> dict[str, Any]:
    """What torch.mps says, as far as nst and Lightning ask."""
    return {
        "current_allocated_memory": lambda: 0,
        "driver_allocated_memory": lambda: 0,
        "empty_cache": lambda: None,
        "manual_seed": lambda seed: None,
        "recommended_max_memory": lambda: int(free),
        "synchronize": lambda: None,
    }


def _with_index(to: Any) -> Any:
    """Return `Tensor.to` for `mps:0` where `mps` is asked for: torch's C++ would ask a driver for the number."""
    import torch

    def with_index(self: Any, *args: Any, **kwargs: Any) -> Any:
        def numbered(value: Any) -> Any:
            return torch.device("mps", 0) if value in ("mps", torch.device("mps")) else value

        args = tuple(numbered(value) if isinstance(value, str | torch.device) else value for value in args)
        if kwargs.get("device") is not None:
            kwargs["device"] = numbered(kwargs["device"])
        return to(self, *args, **kwargs)

    return with_index


class Counts:
    """What was counted in a `counted` block: kernels, waits of the host, the types that each operator saw."""

    def __init__(self) -> None:
        self.kernels = 0
        self.operators: collections.Counter[str] = collections.Counter()
        self.waits: collections.Counter[str] = collections.Counter()
        self.seen: dict[Any, set[Any]] = {}

    def add(self, func: Any, types_seen: set[Any], *, waits: bool) -> None:
        """Count one call of an operator on the GPU."""
        from pretend_gpu import rules

        self.seen.setdefault(func, set()).update(types_seen)
        if waits:
            self.waits[f"{rules.name(func)} at {_asked_at()}"] += 1
        if not func.is_view and rules.name(func) not in rules.FREE:
            self.kernels += 1
            self.operators[f"{rules.name(func)} at {_asked_at()}"] += 1


_counting: list[Counts] = []
graphs: list[Counts] = []
"""What was recorded as CUDA graphs."""


@contextlib.contextmanager
def counted() -> Iterator[Counts]:
    """Count what happens on the GPU in a block."""
    counts = Counts()
    _counting.append(counts)
    try:
        yield counts
    finally:
        _counting.remove(counts)


def _asked_at() -> str:
    """The innermost line of nst that is running; none runs in most of a backward pass."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith(SOURCES):
            return f"{frame.f_code.co_filename.removeprefix(SOURCES)}:{frame.f_lineno}"
        frame = frame.f_back
    return "torch"


def _classes() -> types.SimpleNamespace:
    """Define what needs torch; once."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

    from pretend_gpu import rules

    class GPUTensor(torch.Tensor):
        """A tensor that says it is on the GPU."""

        held: torch.Tensor
        __torch_function__ = torch._C._disabled_torch_function_impl

        @staticmethod
        def __new__(cls, held: torch.Tensor) -> "GPUTensor":
            made = torch.Tensor._make_wrapper_subclass(
                cls,
                held.shape,
                strides=held.stride(),
                storage_offset=held.storage_offset(),
                dtype=held.dtype,
                layout=held.layout,
                device=torch.device("cuda", 0),
            )
            made.held = held
            return made

        @classmethod
        def __torch_dispatch__(cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
            return call(func, args, kwargs or {})

        def __repr__(self, *args: Any, **kwargs: Any) -> str:
            return f"GPUTensor({self.held!r})"

        if KIND == "mps":  # to torch's C++ it is CUDA's, for a build has autograd and autocast for that

            @property
            def device(self) -> torch.device:
                return torch.device("mps", 0)

            is_cuda, is_mps = False, True

        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            if id(self) not in memo:
                copied = self.detach().clone().requires_grad_(self.requires_grad)
                memo[id(self)] = torch.nn.Parameter(copied) if isinstance(self, torch.nn.Parameter) else copied
            return memo[id(self)]

        def __reduce_ex__(self, protocol: Any) -> Any:  # as a checkpoint is read: with map_location="cpu"
            return self.held.__reduce_ex__(protocol)

        def tolist(self) -> Any:
            waits("tolist")
            return self.held.tolist()

        def untyped_storage(self) -> Any:  # its address tells storages apart, as a GPU's does
            return self.held.untyped_storage()

        def data_ptr(self) -> int:
            raise RuntimeError("the address of a GPU's tensor is none of the processor's: C would crash")

        def numpy(self, *args: Any, **kwargs: Any) -> Any:
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")

        __array__ = numpy

    def waits(what: str) -> None:
        for counts in _counting:
            counts.waits[f"{what} at {_asked_at()}"] += 1

    def call(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        short = rules.name(func)
        if short == "_pin_memory":  # which asks the driver, even for the processor's own memory
            return args[0]
        leaves, shape = tree_flatten((args, kwargs))
        tensors = [x for x in leaves if isinstance(x, torch.Tensor)]
        here = [x for x in tensors if isinstance(x, GPUTensor)]
        there = [x for x in tensors if not isinstance(x, GPUTensor) and x.device.type == "cpu"]
        asked = kwargs.get("device")
        to_gpu = bool(here) if asked is None else torch.device(asked).type in ("cuda", "mps")
        copies = short in ("_to_copy", "copy_")
        if here or to_gpu:
            if here and there and not copies:
                refuse_mixed(func, short, args, there)
            if short in rules.RESHAPED:
                raise NotImplementedError(f"{func} changes a shape in place")
            if short in rules.UNORDERED and torch.are_deterministic_algorithms_enabled():
                raise RuntimeError(f"{short}_cuda does not have a deterministic implementation")
            if KIND == "mps" and not rules.runs_on_mps(func):
                raise NotImplementedError(f"The operator {func} is not currently implemented for the MPS device")
            made = kwargs.get("dtype") or (tensors[0].dtype if copies or (to_gpu and tensors and not here) else None)
            if KIND == "mps" and made == torch.float64:  # also on its way to the processor
                raise TypeError(f"the MPS framework doesn't support float64, which {func} was asked for")
            if KIND == "mps" and short == "_adaptive_avg_pool2d":
                for length, parts in zip(args[0].shape[-2:], args[1], strict=True):
                    if length % parts:
                        raise RuntimeError("Adaptive pool MPS: input sizes must be divisible by output sizes.")
            if to_gpu and any(isinstance(x, torch.Generator) and x.device.type == "cpu" for x in leaves):
                raise RuntimeError(f"Expected a 'cuda' device type for generator but found 'cpu' in {func}")
            crosses = copies and (bool(there) or (bool(here) and not to_gpu))
            for counts in _counting:
                counts.add(func, {x.dtype for x in tensors}, waits=crosses or short in rules.WAITS)
        held_leaves = [x.held if isinstance(x, GPUTensor) else x for x in leaves]
        held_args, held_kwargs = tree_unflatten(held_leaves, shape)
        if to_gpu and asked is not None:
            held_kwargs["device"] = torch.device("cpu")
        if held_kwargs.get("pin_memory"):
            held_kwargs["pin_memory"] = False
        out = func(*held_args, **held_kwargs)
        if not to_gpu:
            return out
        own = {id(x.held): x for x in here}
        return tree_map(lambda x: returned(x, own, mutates=func._schema.is_mutable), out)

    def returned(x: Any, own: dict[int, Any], *, mutates: bool) -> Any:
        if not isinstance(x, torch.Tensor) or isinstance(x, GPUTensor):
            return x
        if id(x) in own:
            return own[id(x)] if mutates else GPUTensor(x.view_as(x))
        return GPUTensor(x)

    def refuse_mixed(func: Any, short: str, args: Any, there: list[Any]) -> None:
        bad = there
        if short in rules.INDEXED and isinstance(args[0], GPUTensor):
            bad = [x for x in tree_leaves(args[2:]) if isinstance(x, torch.Tensor) and not isinstance(x, GPUTensor)]
            bad = [x for x in bad if x.dim()]
        elif rules.takes_scalars_of_the_processor(func):
            bad = [x for x in there if x.dim()]
        if bad:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! "
                f"(in {func}, of {[tuple(x.shape) for x in bad]} on the processor)"
            )

    class Factories(TorchDispatchMode):
        """Sees the operators that take no GPU tensor but make one."""

        def __torch_dispatch__(self, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
            return call(func, args, kwargs or {})

    return types.SimpleNamespace(tensor=GPUTensor, mode=Factories())
