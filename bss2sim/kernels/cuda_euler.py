"""Euler steps on a GPU: one thread for each trial and neuron, its state in registers over all steps.

The rules are those of ``membrane``; neighbouring threads are neighbouring neurons, so that inputs and recordings are read and
written in whole lines of memory.
"""

from __future__ import annotations

import functools
import math

from . import membrane as rules
from .codes import NOT_FINITE
from .cuda import Kernel, cuda, element, on_device
from .cuda_gather import adders
from .cuda_spikes import DENSE, keep_spike, report_fault

AHEAD = 4  # steps for which jumps are asked for in advance

euler_membrane, euler_leaky_membrane = on_device(rules.euler_membrane), on_device(rules.euler_leaky_membrane)
euler_current, euler_decayed_current = on_device(rules.euler_current), on_device(rules.euler_decayed_current)
euler_fire_holdoff = on_device(rules.euler_fire_holdoff)


@functools.cache
def euler_kernel(f, kind, graded, sparse, pair, leaks, decays, fires):
    """Return the kernel for a dtype, a kind of input (``inputs.Drive``), and what the population has (True or None)."""
    add_dense, add_events = adders(f, sparse, pair, graded)
    jumps = True if kind == "jumps" else None
    dense = True if kind == "dense" else None
    events = True if kind == "sparse" else None

    def run_euler(
        n_task, n_neuron, n_time, input_at, weight_row, parameter_row, state_row,
        flat, time_stride, n_input, packed, n_word, event_step, event_source, event_pointer, weight, column, pointer,
        k_mem, k_syn, k_inh, threshold, reset, leak, n_refractory, n_holdoff, spike_mask,
        old_membrane, old_current, old_inhibitory, old_busy,
        keeps, new_membrane, new_current, new_inhibitory, new_busy,
        column_of, n_recorded, records_membrane, records_current, membrane, current, spikes,
        what, spike_step, spike_task, n_spike, count, first, report,
    ):  # fmt: skip
        """Run the tasks 0 .. n_task (trial, neuron) of a chunk; arguments as in ``euler.run_euler`` and ``cuda_spikes``."""
        task = cuda.grid(1)
        if task >= n_task:
            return
        trial = task // n_neuron
        n = task - trial * n_neuron
        p, q = parameter_row[trial], state_row[trial]
        at = input_at[trial]
        base = weight_row[trial] * n_input
        out_column = column_of[n]
        zero = f(0)
        v, i = old_membrane[q, n], old_current[q, n]
        i_inh, x, x_inh = zero, zero, zero
        km, ks = k_mem[p, n], k_syn[p, n]
        if pair is not None:
            i_inh = old_inhibitory[q, n]
            ki = k_inh[p, n]
        if leaks is not None:
            rest = leak[p, n]
        if fires is not None:
            top, bottom = threshold[p, n], reset[p, n]
            n_ref, n_hold = n_refractory[p, n], n_holdoff[p, n]
            busy = old_busy[q, n] - 1
            heard = spike_mask[p, n] != 0
        event, last_event = 0, 0
        if events is not None:
            event, last_event = event_pointer[at], event_pointer[at + 1]
        ahead = cuda.local.array(AHEAD, f)
        if jumps is not None:
            for k in range(AHEAD):
                ahead[k] = zero
                if k < n_time:
                    ahead[k] = flat[element(at + k * time_stride + n)]
        # elements that the steps to come read and write
        following = at + AHEAD * time_stride + n
        word = trial * n_time * n_word
        out = trial * n_time * n_recorded + out_column
        for t in range(n_time):
            if jumps is not None:
                x = ahead[0]
                for k in range(AHEAD - 1):
                    ahead[k] = ahead[k + 1]
                if t + AHEAD < n_time:
                    ahead[AHEAD - 1] = flat[element(following)]
                following += time_stride
                if pair is not None:
                    x_inh = x if x < zero else zero
                    x = zero if x < zero else x
            if dense is not None:
                x, x_inh = add_dense(flat, at, packed, word, n_word, base, n_neuron, n, weight, column, pointer)
                at += time_stride
                word += n_word
            if events is not None:
                end = event
                while end < last_event and event_step[end] == t:
                    end += 1
                x, x_inh = add_events(event_source, event, end, base, n_neuron, n, weight, column, pointer)
                event = end
            i_sum = i
            if decays is not None:
                i = euler_decayed_current(i, ks, x)
            if decays is None:
                i = euler_current(i, ks, x)
            if pair is not None:
                i_sum = i_sum + i_inh
                if decays is not None:
                    i_inh = euler_decayed_current(i_inh, ki, x_inh)
                if decays is None:
                    i_inh = euler_current(i_inh, ki, x_inh)
            if leaks is not None:
                v = euler_leaky_membrane(v, i_sum, km, rest)
            if leaks is None:
                v = euler_membrane(v, i_sum, km)
            if fires is not None:
                v, busy, fired = euler_fire_holdoff(v, top, bottom, t, busy, n_ref, n_hold)
                fired = fired and heard
                if what == DENSE:
                    if out_column >= 0:
                        spikes[element(out)] = 1 if fired else 0
                elif fired:
                    keep_spike(t, task, what, spike_step, spike_task, n_spike, count, first)
            if out_column >= 0:
                if records_membrane:
                    membrane[element(out)] = v
                if records_current:
                    if pair is not None:
                        current[element(2 * out - out_column)] = i
                        current[element(2 * out - out_column + n_recorded)] = i_inh
                    if pair is None:
                        current[element(out)] = i
            out += n_recorded
        if not (math.isfinite(v) and math.isfinite(i) and math.isfinite(i_inh)):
            report_fault(report, NOT_FINITE, task)
        if keeps:
            new_membrane[trial, n] = v
            new_current[trial, n] = i
            if pair is not None:
                new_inhibitory[trial, n] = i_inh
            if fires is not None:
                new_busy[trial, n] = max(0, busy - (n_time - 1))

    return Kernel(run_euler)
