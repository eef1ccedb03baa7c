"""Put the sorted spikes of the blocks of a trial in one order."""

from __future__ import annotations

from .jit import kernel
from .scalars import smaller


@kernel
def merge_blocks(time, neuron, pointer, n_block, merged_time, merged_neuron, head):
    """Merge, for every trial, the spikes of its blocks by (time, neuron).

    Task k (trial * n_block + block) has the spikes pointer[k] : pointer[k + 1], sorted; `head` is scratch (n_block,).
    """
    n_trial = (pointer.size - 1) // n_block
    place = 0
    for trial in range(n_trial):
        first = trial * n_block
        for k in range(n_block):
            head[k] = pointer[first + k]
        while place < pointer[first + n_block]:
            best = -1
            for k in range(n_block):
                at = head[k]
                if at < pointer[first + k + 1]:
                    # blocks ascend in neuron, so of equal times the first block comes first
                    if best < 0 or time[at] < time[head[best]]:
                        best = k
            merged_time[place] = time[head[best]]
            merged_neuron[place] = neuron[head[best]]
            head[best] += 1
            place += 1


@kernel
def merge_keys(first, second, cycle_bits, neuron_bits, per_second, time, neuron, trial, row_size):
    """Merge two ascending lists of keys, and take them apart.

    A key is ``(trial << cycle_bits | cycle) << neuron_bits | neuron`` (int64); `per_second` are the cycles in a second [1/s].
    Outputs (spike,): `time` [s], `neuron`, `trial`; and `row_size` (trial,), the number of spikes, which must be zero before.
    """
    cycle_mask = (1 << cycle_bits) - 1
    neuron_mask = (1 << neuron_bits) - 1
    i, j = 0, 0
    for place in range(time.size):
        if i < first.size and j < second.size:
            a, b = first[i], second[j]
            key = smaller(a, b)
            later = b < a  # which list goes on is as good as random: no branch on it
            j += later
            i += not later
        elif i < first.size:
            key = first[i]
            i += 1
        else:
            key = second[j]
            j += 1
        whole = key >> neuron_bits
        time[place] = (whole & cycle_mask) / per_second
        neuron[place] = key & neuron_mask
        trial[place] = whole >> cycle_bits
        row_size[whole >> cycle_bits] += 1
