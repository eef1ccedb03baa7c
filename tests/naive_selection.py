"""Selections of sparse spikes, trial by trial. Imports nothing from bss2sim."""

import itertools


def spikes_of(trials, places, neurons):
    """Return the spikes of selected trials, flat.

    trials: by the tuple of positions along the trial dims a list of (time, neuron), sorted; places: along each dim the selected
    positions; neurons: those whose spikes stay. Returns (time, neuron, trial, row_size).
    """
    time, neuron, trial, rows = [], [], [], []
    for number, place in enumerate(itertools.product(*places)):
        mine = [(when, who) for when, who in trials[place] if who in neurons]
        for when, who in mine:
            time.append(when)
            neuron.append(who)
            trial.append(number)
        rows.append(len(mine))
    return time, neuron, trial, rows
