from pathlib import Path

import pytest
import torch
from conftest import ROOT, grey_noise

from nst.data import photographs


def photos(folder, count=5):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        grey_noise((40 + i, 50), 60, i).convert("RGB").save(folder / f"{i}.png")
    return folder


def crops(found, **options):
    return photographs.RandomCrops(found, **{"crop": 16, "zoom": 2.0, "cache": 10.0, "seed": 0, **options})


def test_subfolders_are_searched_and_broken_files_are_counted_and_named(tmp_path):
    photos(tmp_path / "deep" / "deeper")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    whole = (tmp_path / "deep" / "deeper" / "0.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "notes.txt").write_text("not even an ending")
    found = photographs.folder(tmp_path)
    assert len(found.paths) == 5
    warning = found.warning()
    assert "2 of 7 pictures can't be read" in warning and "broken.jpg" in warning and "cut.png" in warning
    assert len(warning.splitlines()) == 1


def test_an_empty_folder_and_a_missing_folder_are_errors(tmp_path):
    with pytest.raises(ValueError, match="holds no readable picture"):
        photographs.folder(tmp_path)
    with pytest.raises(ValueError, match="is no folder"):
        photographs.folder(tmp_path / "none")


def test_the_samples_need_no_download():
    from omegaconf import OmegaConf

    node = OmegaConf.load(ROOT / "conf/data/samples.yaml")
    found = photographs.samples(list(node.names), list(node.assets))
    assert len(found.paths) == 20 and all(path.is_file() for path in found.paths)


def test_crop_n_is_always_the_same_and_differs_from_its_neighbours(tmp_path):
    found = photographs.folder(photos(tmp_path))
    one, two = crops(found), crops(found)
    two[3]  # what was asked for before does not matter
    assert torch.equal(one[7], two[7])
    assert not torch.equal(one[7], one[8])
    assert not torch.equal(one[7], crops(found, seed=1)[7])
    assert one[7].shape == (3, 16, 16) and 0 <= one[7].min() <= one[7].max() <= 1


def test_every_image_is_used_once_per_epoch(tmp_path):
    found = photographs.folder(photos(tmp_path))
    one = crops(found, cache=1e-6)
    seen = []
    one._decoded = lambda path: seen.append(path) or torch.zeros(3, 20, 20, dtype=torch.uint8)
    for number in range(10):
        one[number]
    assert sorted(seen[:5]) == sorted(seen[5:]) == found.paths
    assert seen[:5] != seen[5:]


def test_the_cache_stays_within_its_size(tmp_path):
    one = crops(photographs.folder(photos(tmp_path)), cache=0.009)  # 9000 bytes: two pictures of 40 x 32 x 3
    for number in range(10):
        one[number]
    assert 1 <= len(one.cache) <= 2


def test_a_file_that_disappears_during_a_training_is_skipped(tmp_path):
    found = photographs.folder(photos(tmp_path))
    found.paths[0].unlink()
    one = crops(found)
    assert all(one[number].shape == (3, 16, 16) for number in range(5))


def test_the_sampler_resumes_where_it_stopped():
    def first(count, order):
        return [number for number, _ in zip(iter(order), range(count))]

    assert first(8, photographs.ResumableSampler(4, 0)) == list(range(8))
    assert first(4, photographs.ResumableSampler(4, 3)) == [12, 13, 14, 15]


def test_a_crop_size_that_no_network_accepts_is_refused(tmp_path):
    with pytest.raises(ValueError, match="multiple of 4"):
        crops(photographs.folder(photos(tmp_path)), crop=18)


def test_held_out_pictures_are_spread_and_in_no_training():
    images = photographs.TrainingImages([Path(f"{i}.jpg") for i in range(20)])
    rest, held_out = images.parted(4)
    assert [path.stem for path in held_out] == ["0", "5", "10", "15"]
    assert len(rest.paths) == 16 and not set(rest.paths) & set(held_out)
    assert images.parted(0) == (images, [])
    assert len(photographs.TrainingImages(images.paths[:4]).parted(4)[1]) == 0  # of so few, all are needed


def test_the_first_crops_may_be_smaller(tmp_path):
    grey_noise((96, 64), 90).convert("RGB").save(tmp_path / "a.png")
    images = photographs.TrainingImages([tmp_path / "a.png"])
    crops = photographs.RandomCrops(images, crop=32, zoom=1.5, cache=1, seed=0, first=16, until=2)
    assert [crops[n].shape[-1] for n in range(4)] == [16, 16, 32, 32]
