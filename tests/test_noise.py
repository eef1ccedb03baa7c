"""Random numbers of trials against known answers, SciPy's quantiles and what independence asks for."""

import numpy as np
import pytest
from scipy import special

from bss2sim.kernels import noise
from bss2sim.kernels.jit import kernel


@kernel
def words_of(counter, key):
    """Philox of arrays of words."""
    return noise.philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1])


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox__known_answers(counter, key, expected):
    # From the distribution of Random123 (kat_vectors).
    assert tuple(int(w) for w in words_of(np.array(counter, np.uint64), np.array(key, np.uint64))) == expected


def naive_philox(counter, key):
    """Ten rounds in Python's integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p, q = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (q >> 32) ^ c1 ^ k0, q & 0xFFFFFFFF, (p >> 32) ^ c3 ^ k1, p & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


@pytest.mark.parametrize("seed", [0, 7, 2**32 + 5, 2**63 - 1])
def test_uniform__counter_and_key(seed):
    index, circuit, stream, batch, run = 3, 511, noise.CADC_NOISE, 12, 2**32 + 9
    key = (seed % 2**32, seed >> 32)
    word = naive_philox((index, circuit | stream << 16, batch, run % 2**32), key)[0]
    assert noise.uniform(index, circuit, stream, batch, run, seed) == (word + 0.5) / 2**32


def test_normal_quantile__like_scipy():
    p = np.concatenate([2.0**-33 * np.arange(1, 60, 2), np.linspace(1, 2**32 - 1, 999).round() / 2**32 + 2.0**-33])
    p = np.concatenate([p, 1 - p])
    mine = np.array([noise.normal_quantile(x) for x in p])
    np.testing.assert_allclose(mine, special.ndtri(p), rtol=3e-14)
    assert (mine == -np.array([noise.normal_quantile(1 - x) for x in p])).all()


def test_fill_normals__each_entry_and_distribution():
    index, circuit = np.arange(500), np.arange(500) % 7
    batch, run, seed = np.arange(40), np.arange(40) % 3, 5 + np.arange(40) % 2
    out = np.empty((40, 500))
    noise.fill_normals(out, index, circuit, noise.TRIAL_GAIN, batch, run, seed)
    for t in (0, 7, 39):
        expected = [
            noise.standard_normal(i, c, noise.TRIAL_GAIN, batch[t], run[t], seed[t])
            for i, c in zip(index, circuit, strict=True)
        ]
        np.testing.assert_array_equal(out[t], expected)
    assert abs(out.mean()) < 0.03
    assert abs(out.std() - 1) < 0.02
    assert abs(np.corrcoef(out[:, 0::2].ravel(), out[:, 1::2].ravel())[0, 1]) < 0.04


def test_streams__differ():
    values = {noise.uniform(0, 0, stream, 0, 0, 0) for stream in range(9)}
    assert len(values) == 9
