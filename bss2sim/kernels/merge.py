"""Put the sorted spikes of the blocks of a trial in one order."""

from __future__ import annotations

from .jit import kernel


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
