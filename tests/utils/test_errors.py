"""Errors in one line."""

import errno

import pytest
from omegaconf.errors import OmegaConfBaseException

from nst.utils import errors


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4800000000 bytes."), "4.8 GB"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has"), "out of GPU memory; 2.15 GB"),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            "out of GPU memory",
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "out of GPU memory"),
        (
            RuntimeError(
                "MPS backend out of memory (max allowed: 9.07 GB). Tried to allocate 1.00 GB on private pool."
            ),
            "out of GPU memory; 1.07 GB",
        ),
        (MemoryError("Unable to allocate 1.5 MiB for an array"), "0.00157 GB more"),
        (MemoryError(), "out of memory; give tiles=512"),
        (OSError(errno.ENOSPC, "No space left on device", "x.png"), "x.png: the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "x.png"), "x.png: permission denied"),
    ],
)
def test_a_lack_of_memory_space_or_permission_has_a_remedy(error, line):
    assert line in errors.system_error(error)
    assert errors.system_error(ValueError("allocate memory")) is None


def test_an_error_is_one_line() -> None:
    assert errors.one_line(ValueError("first\n  second\n\n third")) == "first second third"
    assert errors.one_line(MemoryError()).startswith("out of memory; give tiles=512")
    assert errors.one_line(KeyError()) == "KeyError"


def test_what_a_user_cannot_cause_is_a_bug() -> None:
    assert errors.is_user_error(ValueError())
    assert errors.is_user_error(OmegaConfBaseException())
    assert errors.is_user_error(RuntimeError("CUDA out of memory"))
    assert not errors.is_user_error(AttributeError())
    assert not errors.is_user_error(RuntimeError())


def test_the_nearest_names_come_first_and_all_where_none_is_near() -> None:
    assert errors.nearest("vgg91", ["vgg19", "wavelet", "vgg16"])[0] == "vgg19"
    assert errors.nearest("xxx", ["b", "a"]) == ["a", "b"]
    assert len(errors.nearest("xxx", map(str, range(50)))) == 12
    assert str(errors.unknown("layer", "a1", ["a2"])) == "there is no layer 'a1'; nearest: a2"
