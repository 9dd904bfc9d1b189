import io
import zipfile
import zlib

import pytest

from nst.callbacks import checkpoint


def test_an_archive_with_a_damaged_stream_is_one_clear_line(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(range(256)) * 20)
    data = bytearray(buffer.getvalue())
    begin = data.index(b"data.pkl") + len(b"data.pkl")
    data[begin : begin + 8] = b"\xff" * 8  # an invalid type of block
    (tmp_path / "last.ckpt").write_bytes(data)
    with pytest.raises(zlib.error), zipfile.ZipFile(tmp_path / "last.ckpt") as archive:
        archive.testzip()
    with pytest.raises(ValueError, match="last.ckpt is damaged") as told:
        checkpoint.read(tmp_path)
    assert "\n" not in str(told.value)
