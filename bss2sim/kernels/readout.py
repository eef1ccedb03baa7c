"""From analog samples to what the converters read, and from samples to a regular grid.

Noise of samples: one Philox call serves four samples of a circuit. Its counter index is sample // 4 and its word sample % 4,
of which the lowest 12 bits choose the innovation of the membrane noise and the next 12 bits the noise of the read, both from
a table of 4096 equally likely quantiles of the normal distribution, scaled to unit variance. Potentials are in LSB of the CADC.

Neurons come in segments, of which all samples are taken at the same times (a hemisphere of the chip): segment k has the neurons
segment[k] .. segment[k + 1] - 1 and the times of its group.
"""

from __future__ import annotations

import math

import numpy as np

from .elementary import decay
from .jit import kernel
from .noise import normal_quantile, normal_row, philox, random_words, to_uniform
from .vector import use_wide_registers

TABLE_BITS = 12
TABLE_SIZE = 1 << TABLE_BITS
PER_CALL = 4  # samples that one Philox call serves
_TABLE_MASK = np.uint32(TABLE_SIZE - 1)
_TABLE_SHIFT = np.uint32(TABLE_BITS)
_MASK = 0xFFFFFFFF
# Adding this number to one below 2^51 rounds to an integer, half to even, and subtracting it gives that integer.
_ROUND = 6755399441055744.0


@kernel
def fill_quantiles(table):
    """Fill a table with quantiles of the normal distribution at (k + 1/2) / size; the size is a power of two."""
    for k in range(table.size):
        table[k] = normal_quantile((k + 0.5) / table.size)


@kernel
def fill_uniforms(out, first_index, circuit, stream, batch, run, seed):
    """Fill out[t, k] with the uniform number of index first_index + k, of batch[t], run[t] and seed[t] (trial,)."""
    for t in range(out.shape[0]):
        for k in range(out.shape[1]):
            words = random_words(first_index + k, circuit, stream, batch[t], run[t], seed[t])
            out[t, k] = to_uniform(words[0])


@kernel
def fill_jitter(out, trial, neuron, circuit, stream, batch, run, seed, number, index, who):
    """Fill out[s] with a standard normal for each spike (spike,), its index the number of the spike of its neuron in its trial.

    Spikes of a neuron in a trial come with none of another trial between them. Scratch: `number` (neuron,), zero; `index` and
    `who` (spike,).
    """
    first = 0
    for s in range(out.size):
        k = neuron[s]
        index[s] = number[k]
        who[s] = circuit[k]
        number[k] += 1
        if s + 1 == out.size or trial[s + 1] != trial[s]:
            t = trial[s]
            normal_row(out[first : s + 1], index[first : s + 1], who[first : s + 1], stream, batch[t], run[t], seed[t])
            number[:] = 0
            first = s + 1


@kernel
def fill_noise_factors(time, tau, sigma, kept, added):
    """Fill the factors of an Ornstein-Uhlenbeck process that is exact from sample to sample.

    x[k] = kept[k] x[k - 1] + added[k] z[k] with kept = exp(-(t[k] - t[k - 1]) / tau) and added = sigma sqrt(1 - kept^2); the
    first sample is drawn from the stationary distribution: kept = 0, added = sigma.

    Parameters
    ----------
    time : float64 (row, sample)
        Times of the samples, which do not decrease [s].
    tau, sigma : float64
        Time constant [s] and standard deviation [LSB].
    kept, added : float64 (row, sample)
        Outputs.
    """
    for row in range(time.shape[0]):
        for k in range(time.shape[1]):
            if k == 0:
                kept[row, k] = 0.0
                added[row, k] = sigma
            else:
                remaining, lost = decay((time[row, k] - time[row, k - 1]) / tau)
                kept[row, k] = remaining
                added[row, k] = sigma * math.sqrt(lost * (1.0 + remaining))


@kernel
def read_samples(
    first_trial, last_trial, analog, segment, group, kept, added, table, circuit, batch, run, seed,
    read_noise, trial_offset, row, base, gain, highest, shift, whole, state, offset, words, normal, out, place, column,
):  # fmt: skip
    """Read samples of the trials first_trial .. last_trial - 1.

    out = base + gain (v + x + trial offset) + read_noise z, rounded half to even and clipped to 0 .. highest where `whole` is
    not None, less `shift`; x is the noise of the membrane, see :func:`fill_noise_factors`.

    Parameters
    ----------
    first_trial, last_trial : int64
        Range of trials.
    analog : float64 (trial, sample, neuron)
        Potential v of these trials [LSB].
    segment, group : int64 (segment + 1,), (segment,)
        See the module.
    kept, added : float64 (trial, group, sample)
        Factors of the noise of the membrane.
    table : float32 (4096,)
        Quantiles.
    circuit : uint32 (neuron,)
        Word 1 of the counter: circuit and stream.
    batch, run, seed : int64 (trial,)
        Words 2 and 3 of the counter, and key.
    read_noise : float64
        Standard deviation [LSB of the output].
    trial_offset : float64 (trial, neuron)
        Adds to v in the trial [LSB].
    row : int64 (trial,)
        Row of base and gain of a trial.
    base, gain : float64 (row, neuron)
        Line from v to the output.
    highest, shift : float64
        Largest reading, and what is taken off in the output.
    whole : bool, or None
        Not None: readings are whole numbers within the range.
    state, offset : float64 (neuron,)
        Scratch.
    words : uint32 (4, neuron)
        Scratch.
    normal : float32 (2, neuron)
        Scratch.
    out : int16, uint16 or float64 (row, sample, column)
        Output.
    place : int64 (trial,)
        Row of the output of each trial.
    column : int64
        Column of the first neuron.
    """
    use_wide_registers()
    n = analog.shape[2]
    innovation, noise = normal[0], normal[1]
    for trial in range(first_trial, last_trial):
        c2 = np.uint64(batch[trial] & _MASK)
        c3 = np.uint64(run[trial] & _MASK)
        k0 = np.uint64(seed[trial] & _MASK)
        k1 = np.uint64((seed[trial] >> 32) & _MASK)
        slope = gain[row[trial]]
        level = base[row[trial]]
        for k in range(n):
            state[k] = 0.0
            offset[k] = level[k] + slope[k] * trial_offset[trial, k]
        for sample in range(analog.shape[1]):
            if sample % PER_CALL == 0:
                c0 = np.uint64(sample // PER_CALL)
                for k in range(n):
                    w0, w1, w2, w3 = philox(c0, np.uint64(circuit[k]), c2, c3, k0, k1)
                    words[0, k] = w0
                    words[1, k] = w1
                    words[2, k] = w2
                    words[3, k] = w3
            # Loops of their own: a look-up in a table among the arithmetic would keep LLVM from packing it (14 ms became 6).
            word = words[sample % PER_CALL]
            for k in range(n):
                innovation[k] = table[word[k] & _TABLE_MASK]
                noise[k] = table[(word[k] >> _TABLE_SHIFT) & _TABLE_MASK]
            v = analog[trial - first_trial, sample]
            reading = out[place[trial], sample, column : column + n]
            for s in range(group.size):
                remaining = kept[trial, group[s], sample]
                fresh = added[trial, group[s], sample]
                low = np.uint64(segment[s])
                for j in range(np.uint64(segment[s + 1]) - low):
                    k = low + j
                    x = remaining * state[k] + fresh * np.float64(innovation[k])
                    state[k] = x
                    y = offset[k] + slope[k] * (v[k] + x) + read_noise * np.float64(noise[k])
                    if whole is not None:
                        y = min(max(y, 0.0), highest) + _ROUND - _ROUND
                        reading[k] = np.int32(y - shift)
                    if whole is None:
                        reading[k] = y - shift


@kernel
def fill_grid(
    first_trial, last_trial, value, stamp, count, segment, group, n_time, dt, nearest, tie, delay, to_first, trace_offset,
    trace_scale, left, right, weight, base, out,
):  # fmt: skip
    """Interpolate samples of the trials first_trial .. last_trial - 1 at the times of a regular grid.

    Row r of the output is row min(max(r + delay, 0), n_time - 1) of the grid, less `trace_offset` or its own first row, times
    `trace_scale`. Before the first sample and after the last the nearest one is held; without samples there is NaN.

    Parameters
    ----------
    first_trial, last_trial : int64
        Range of trials.
    value : int16 or float64 (trial, sample, neuron)
        Samples; at least one, which need not be used.
    stamp : float64 (trial, group, sample)
        Their times, which do not decrease [s].
    count : int64 (trial, group)
        How many of them are used.
    segment, group : int64 (segment + 1,), (segment,)
        See the module.
    n_time : int64
        Rows.
    dt : float64
        Their spacing [s].
    nearest : bool
        Whether the nearer sample is taken instead of a straight line, the later one at a tie.
    tie : float64
        By how much longer the way to the later sample may be in a tie [s].
    delay : int64
        Rows by which the grid is moved towards earlier times.
    to_first : bool
        Whether the first row is subtracted instead of the offset.
    trace_offset, trace_scale : float64 (neuron,)
        Offset [LSB] and factor.
    left, right, weight : int64, int64, float64 (group, row)
        Scratch.
    base : float64 (neuron,)
        Scratch.
    out : float32 (trial, row, neuron)
        Output.
    """
    n_neuron = value.shape[2]
    for trial in range(first_trial, last_trial):
        for g in range(stamp.shape[1]):
            times = stamp[trial, g]
            n = count[trial, g]
            after = np.int64(0)  # the first sample that is later than the row
            for r in range(n_time):
                now = r * dt
                while after < n and times[after] <= now:
                    after += 1
                a, b, w = after - 1, after, 0.0
                if n == 0:
                    a, b, w = 0, 0, math.nan
                elif after == 0:
                    a = 0
                elif after == n:
                    b = a
                elif nearest:
                    a = a if now - times[a] < times[b] - now - tie else b
                    b = a
                else:
                    w = (now - times[a]) / (times[b] - times[a])
                left[g, r], right[g, r], weight[g, r] = a, b, w
        for k in range(n_neuron):
            base[k] = trace_offset[k]
        if to_first:
            first = min(max(delay, 0), n_time - 1)
            for s in range(group.size):
                w = weight[group[s], first]
                before, later = value[trial, left[group[s], first]], value[trial, right[group[s], first]]
                for k in range(segment[s], segment[s + 1]):
                    base[k] = before[k] + (np.float64(later[k]) - before[k]) * w
        for r in range(n_time):
            row = min(max(r + delay, 0), n_time - 1)
            trace = out[trial, r]
            for s in range(group.size):
                w = weight[group[s], row]
                before, later = value[trial, left[group[s], row]], value[trial, right[group[s], row]]
                low = np.uint64(segment[s])
                for j in range(np.uint64(segment[s + 1]) - low):
                    k = low + j
                    x = before[k] + (np.float64(later[k]) - before[k]) * w
                    trace[k] = (x - base[k]) * trace_scale[k]
