"""Brute-force twins of the readout of the emulated chip, in plain Python; they import nothing from bss2sim."""

import math
from fractions import Fraction
from statistics import NormalDist

QUANTILE = NormalDist().inv_cdf


def philox(counter, key):
    """Four words of Philox4x32-10."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(second >> 32) ^ c[1] ^ k[0], second & 0xFFFFFFFF, (first >> 32) ^ c[3] ^ k[1], first & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def words(index, circuit, stream, batch, run, seed):
    """Words of a counter."""
    low = 0xFFFFFFFF
    return philox((index & low, circuit | stream << 16, batch & low, run & low), (seed & low, seed >> 32))


def uniform(*counter):
    """Number above 0 and below 1."""
    return (words(*counter)[0] + 0.5) / 2**32


def normal(*counter):
    """Standard normal number."""
    return QUANTILE(uniform(*counter))


def table():
    """4096 quantiles of unit variance, multiples of 2^-20."""
    z = [QUANTILE((k + 0.5) / 4096) for k in range(4096)]
    scale = math.sqrt(math.fsum(x * x for x in z) / 4096)
    return [round(x / scale * 2**20) / 2**20 for x in z]


def schedule(seed, batch, run, hemisphere, *, duration, period, jitter, offset, most):
    """Stamps in cycles, and true times [s], of the samples of one row that lie within the run."""
    cycles = period / 8e-9
    reach = round(jitter / 8e-9)
    phase = uniform(0, hemisphere, 6, batch, run, seed) * cycles
    stamps = []
    for k in range(-1, math.ceil(duration / period) + 2):
        shift = math.floor(uniform(k + 2, hemisphere, 6, batch, run, seed) * (2 * reach + 1)) - reach
        stamps.append(round(phase + k * cycles) + shift)
    stamps = [stamp for stamp in stamps if 0 <= stamp * 8e-9 < duration - 1e-15][:most]
    ahead = (2 * uniform(0, 0, 8, batch, run, seed) - 1) * offset
    return stamps, [stamp * 8e-9 - ahead for stamp in stamps]


def read(analog, times, *, counter, stream, tau, sigma, noise, offset, base, gain, highest, less, quantiles):
    """Readings of one neuron in one trial; counter = circuit, batch, run, seed. `highest` None: not rounded."""
    circuit, batch, run, seed = counter
    readings, x = [], 0.0
    for k, (v, t) in enumerate(zip(analog, times, strict=True)):
        word = words(k // 4, circuit, stream, batch, run, seed)[k % 4]
        kept = math.exp(-(t - times[k - 1]) / tau) if k else 0.0
        x = kept * x + sigma * math.sqrt(1 - kept * kept) * quantiles[word % 4096]
        y = base + gain * (v + x + offset) + noise * quantiles[word // 4096 % 4096]
        readings.append(y - less if highest is None else round(min(max(y, 0), highest)) - less)
    return readings


def grid(values, cycles, n_time, dt, mode):
    """Rows of a grid from the samples of one neuron, at times that are exact multiples of 8 ns and dt a Fraction."""
    rows = []
    for r in range(n_time):
        now = r * dt
        times = [Fraction(c, 125_000_000) for c in cycles]
        before = [k for k, t in enumerate(times) if t <= now]
        if not times:
            rows.append(math.nan)
        elif not before:
            rows.append(values[0])
        elif len(before) == len(times):
            rows.append(values[-1])
        else:
            a = before[-1]
            b = a + 1
            if mode == "nn":
                rows.append(values[a] if now - times[a] < times[b] - now else values[b])
            else:
                rows.append(values[a] + (values[b] - values[a]) * float((now - times[a]) / (times[b] - times[a])))
    return rows


def post_process(rows, shift, to_first, offset, scale):
    """Shifted, subtracted and scaled rows of one neuron."""
    n = len(rows)
    if shift > 0:
        rows = rows[shift:] + [rows[-1]] * min(shift, n)
    elif shift < 0:
        rows = ([rows[0]] * min(-shift, n) + rows)[:n]
    return [(x - (rows[0] if to_first else offset)) * scale for x in rows]


def stamps(spikes, circuits, trials, *, duration, delay, jitter):
    """Sorted (trial, cycle, neuron) of spikes (time, neuron, trial); trials are (batch, run, seed)."""
    counts, arrived = {}, []
    for time, neuron, trial in spikes:
        number = counts[trial, neuron] = counts.get((trial, neuron), -1) + 1
        batch, run, seed = trials[trial]
        late = delay + jitter * normal(number, circuits[neuron], 7, batch, run, seed)
        cycle = math.floor((time + late) / 8e-9 + 1e-6)
        if 0 <= cycle * 8e-9 < duration - 1e-15:
            arrived.append((trial, cycle, neuron))
    return sorted(arrived)
