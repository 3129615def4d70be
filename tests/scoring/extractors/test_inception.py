"""The fast Inception against torch-fidelity's and pytorch-fid's own, and its weights file."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.common.errors import InputError, PipelineError
from pipeline.scoring.extractors import inception, weights_file
from pipeline.scoring.extractors.inception import Inception, resize_like_tensorflow1
from tests.scoring.extractors import inception_weights


def samples(count: int = 3) -> np.ndarray:
    """Smooth, with edges: noise alone would average out on the way up."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, 8, 8, 3), np.uint8)
    images = np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2)
    images[:, ::3] //= 2
    return images


def relative(ours: np.ndarray, theirs: torch.Tensor) -> float:
    theirs = theirs.numpy()
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


@pytest.fixture(scope="module")
def seeded() -> dict[str, torch.Tensor]:
    return inception_weights.seeded()


def as_batch(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2)


# --- the network --------------------------------------------------------------------------------


def test_features_are_torch_fidelitys(seeded: dict[str, torch.Tensor]) -> None:
    """1e-5: folding a batch norm and another order of summation change float32's last digits,
    1e-7, in each of some twenty layers that follow one another."""
    images = samples()
    theirs = inception_weights.torch_fidelity_extractor(seeded, 2048)(as_batch(images))[0]
    ours = Inception(seeded, identity="", side_px=64).features(images)
    assert ours.shape == (3, 2048)
    assert ours.dtype == np.float32
    assert relative(ours, theirs) < 1e-5
    apart = np.linalg.norm(ours[0] - ours[1]) / np.linalg.norm(ours[0])
    assert apart > 0.01  # or any agreement would mean nothing


def test_the_state_has_torch_fidelitys_566_names(seeded: dict[str, torch.Tensor]) -> None:
    extractor = inception_weights.torch_fidelity_extractor(seeded, 64)
    assert set(extractor.state_dict()) == set(seeded)
    assert len(seeded) == 566


@pytest.mark.parametrize("size", [(64, 64), (32, 48), (299, 299), (7, 1)])
def test_resize_is_torch_fidelitys_to_the_bit(size: tuple[int, int]) -> None:
    from torch_fidelity.interpolate_compat_tensorflow import (
        interpolate_bilinear_2d_like_tensorflow1x,
    )

    images = np.random.default_rng(1).integers(0, 256, (2, *size, 3)).astype(np.float32)
    theirs = interpolate_bilinear_2d_like_tensorflow1x(
        as_batch(images), size=(299, 299), align_corners=False
    )
    ours = resize_like_tensorflow1(torch.from_numpy(images), 299)
    assert torch.equal(ours.permute(0, 3, 1, 2), theirs)


def test_resize_has_no_half_pixel_centres() -> None:
    """The known-bad way, of pytorch-fid and torchmetrics, must differ."""
    images = torch.from_numpy(samples().astype(np.float32))
    ours = resize_like_tensorflow1(images, 299).permute(0, 3, 1, 2)
    halves = torch.nn.functional.interpolate(
        images.permute(0, 3, 1, 2), size=(299, 299), mode="bilinear", align_corners=False
    )
    assert (ours - halves).abs().max() > 10
    assert torch.equal(ours[:, :, 0, 0], images[:, 0, 0])  # the first pixel stays where it is


def test_layers_up_to_768_are_pytorch_fids_blocks(seeded: dict[str, torch.Tensor]) -> None:
    """pytorch-fid writes down the same network on its own; fed the same resized images, its
    first three outputs are our 64, 192 and 768 features."""
    compare_with_pytorch_fid(seeded, samples(2))


def compare_with_pytorch_fid(state: dict[str, torch.Tensor], images: np.ndarray) -> None:
    blocks = pytest.importorskip("pytorch_fid.inception")
    import torchvision

    theirs = torchvision.models.inception_v3(
        num_classes=1008, aux_logits=False, weights=None, init_weights=False
    )
    for name, block in {
        "Mixed_5b": blocks.FIDInceptionA(192, pool_features=32),
        "Mixed_5c": blocks.FIDInceptionA(256, pool_features=64),
        "Mixed_5d": blocks.FIDInceptionA(288, pool_features=64),
        "Mixed_6b": blocks.FIDInceptionC(768, channels_7x7=128),
        "Mixed_6c": blocks.FIDInceptionC(768, channels_7x7=160),
        "Mixed_6d": blocks.FIDInceptionC(768, channels_7x7=160),
        "Mixed_6e": blocks.FIDInceptionC(768, channels_7x7=192),
        "Mixed_7b": blocks.FIDInceptionE_1(1280),
        "Mixed_7c": blocks.FIDInceptionE_2(2048),
    }.items():
        setattr(theirs, name, block)
    theirs.load_state_dict(state, strict=False)
    theirs.eval()
    x = resize_like_tensorflow1(torch.from_numpy(images.astype(np.float32)), 299)
    x = (x.permute(0, 3, 1, 2) - 128) / 128
    steps = {
        64: ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1"],
        192: ["Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2"],
        768: [f"Mixed_{part}" for part in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e")],
        2048: ["Mixed_7a", "Mixed_7b", "Mixed_7c"],
    }
    with torch.inference_mode():
        for dimensions, names in steps.items():
            for name in names:
                x = getattr(theirs, name)(x)
            ours = Inception(state, identity="", side_px=64, dimensions=dimensions).features(images)
            assert relative(ours, x.mean((2, 3))) < 1e-5, dimensions


def test_an_images_features_do_not_depend_on_its_batch(seeded: dict[str, torch.Tensor]) -> None:
    """More images than a batch holds, cut at another place. 1e-5 as above: the batch size picks
    the convolutions' algorithm."""
    network = Inception(seeded, identity="", side_px=64, dimensions=64)
    images = np.concatenate([samples(9), samples(9)[:, ::-1]])
    together = network.features(images)
    alone = np.concatenate([network.features(images[:5]), network.features(images[5:])])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


def test_bfloat16_is_near(seeded: dict[str, torch.Tensor]) -> None:
    """3 %: eight binary digits, 0.4 %, in each layer; on real weights 1.3 % were measured."""
    images = samples(2)
    exact = Inception(seeded, identity="", side_px=64, dimensions=768).features(images)
    rough = Inception(
        seeded, identity="", side_px=64, dimensions=768, precision="bfloat16"
    ).features(images)
    error = relative(rough, torch.from_numpy(exact))
    assert 1e-5 < error < 3e-2


def test_float32_means_float32_on_a_gpu_too(seeded: dict[str, torch.Tensor]) -> None:
    """What training allows (TF32) holds neither while features are made nor is it lost after."""
    seen = []
    network = Inception(seeded, identity="", side_px=64, dimensions=64)
    network._layers.register_forward_hook(
        lambda *_: seen.append(
            (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)
        )
    )
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    try:
        network.features(samples(1))
        assert seen == [(False, False)]
        assert torch.backends.cudnn.allow_tf32
        assert torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def test_mirrored_views_are_taken(seeded: dict[str, torch.Tensor]) -> None:
    """A mirrored array is a view with negative strides, which torch refuses."""
    network = Inception(seeded, identity="", side_px=64, dimensions=64)
    images = samples()
    mirrored = network.features(images[:, :, ::-1])
    assert np.array_equal(mirrored, network.features(images[:, :, ::-1].copy()))


@pytest.mark.realdata
def test_real_weights_give_pytorch_fids_features() -> None:
    compare_with_pytorch_fid(inception_weights.partial(), samples(2))


@pytest.mark.realdata
def test_real_weights_give_torch_fidelitys_features() -> None:
    state, images = inception_weights.partial(), samples()
    for dimensions in (64, 192, 768, 2048):
        theirs = inception_weights.torch_fidelity_extractor(state, dimensions)(as_batch(images))[0]
        ours = Inception(state, identity="", side_px=64, dimensions=dimensions).features(images)
        assert relative(ours, theirs) < 1e-5


# --- the weights file ---------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server on loopback and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    def handler(*arguments: object) -> Quiet:
        return Quiet(*arguments, directory=str(folder))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", folder
        running.shutdown()


def test_a_file_with_another_hash_is_never_opened(tmp_path: Path) -> None:
    """The pickle inside would leave a mark if it were."""

    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "opened",)

    path = tmp_path / "weights.pth"
    torch.save(Trap(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(InputError, match=f"SHA-256 {digest[:8]}… instead of 6726825d") as caught:
        inception.load(str(path), precision="float32", side_px=64, device="cpu", cache=tmp_path)
    assert "embedded" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="holds no weights"):
        weights_file.read(path)  # even a forged hash runs nothing
    assert not (tmp_path / "opened").exists()


def test_a_file_cut_short_is_one_line(tmp_path: Path, seeded: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "weights.pth"
    torch.save({name: seeded[name] for name in list(seeded)[:50]}, path)
    whole = weights_file.read(path)
    assert torch.equal(whole["Conv2d_1a_3x3.conv.weight"], seeded["Conv2d_1a_3x3.conv.weight"])
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match="cut short"):
        weights_file.fetch(str(path), cache=tmp_path / "cache")
    with pytest.raises(InputError, match="holds no weights") as caught:
        weights_file.read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"auto, a URL or a path, or set reference\.extractor"):
        weights_file.fetch(str(tmp_path / "none.pth"), cache=tmp_path)


def test_a_wrong_download_is_not_kept(server: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = server
    (folder / "weights.pth").write_bytes(b"an error page")
    cache = tmp_path / "cache"
    with pytest.raises(PipelineError, match=r"set reference\.extractor: embedded") as caught:
        weights_file.fetch(f"{url}/weights.pth", cache=cache)
    assert "\n" not in str(caught.value)
    assert not list(cache.glob("*.pth"))


def test_an_unreachable_server_names_the_other_choice(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"set reference\.extractor: embedded"):
        weights_file.fetch("http://127.0.0.1:1/weights.pth", cache=tmp_path, retries=0)


def test_a_right_download_is_fetched_once(server: tuple[str, Path], tmp_path: Path) -> None:
    """The real file is not here: any file, and its digits in the place of the real one's."""
    url, folder = server
    (folder / "weights.pth").write_bytes(b"as if they were weights")
    digest = hashlib.sha256(b"as if they were weights").hexdigest()

    def fetch() -> Path:
        cache = tmp_path / "cache"
        return weights_file.fetch(f"{url}/weights.pth", cache=cache, sha256_start=digest[:8])

    first = fetch()
    assert first.read_bytes() == b"as if they were weights"
    (folder / "weights.pth").unlink()
    assert fetch() == first
    first.write_bytes(b"rotten")
    with pytest.raises(PipelineError):
        fetch()
