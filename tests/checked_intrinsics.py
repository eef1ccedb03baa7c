"""Runs in plain Python whose intrinsics refuse to leave their arrays: compiled, they read and write whatever is there.

Run as a script with NUMBA_DISABLE_JIT=1; ``test_bounds.py`` does. Fresh memory holds rubbish, another one each time, so that
results made of it differ from run to run.
"""

import sys
from functools import cache

import numpy as np

from bss2sim import memory, spike_lists
from bss2sim.kernels import lanes, vector

LINE = memory.LINE
checks = 0


class Beyond(Exception):
    """An access beyond the ends of an array."""


def check(what, array, first, count):
    """Refuse elements that the array does not have."""
    global checks
    checks += 1
    if count and not 0 <= first <= first + count <= array.size:
        raise Beyond(f"{what}: {first} .. {first + count} of {array.size}")


def check_line(what, array, first):
    """Refuse a store past the caches that does not fill a line."""
    check(what, array, first, LINE // array.itemsize)
    if (array.ctypes.data + first * array.itemsize) % LINE:
        raise Beyond(f"{what}: {first} does not start a line")


def checked(module, name, *accesses):
    """Let a function look at what it accesses, given by functions of its arguments, before it does."""
    original = getattr(module, name)

    def call(*arguments):
        for access in accesses:
            access(name, *arguments)
        return original(*arguments)

    setattr(module, name, call)


def check_everything():
    """Replace the intrinsics, before a kernel takes them over."""
    checked(lanes, "load_lanes", lambda name, a, at: check(name, a, at, LINE // a.itemsize))
    checked(lanes, "store_lanes", lambda name, a, at, value: check(name, a, at, value.size))
    checked(lanes, "stream_lanes", lambda name, a, at, value: check_line(name, a, at))
    checked(lanes, "store_marks", lambda name, a, at, marks: check(name, a.view(np.uint8), at, marks.size // 8))
    checked(lanes, "load_marks", lambda name, a, at, like: check(name, a.view(np.uint8), at, like.size // 8))
    checked(lanes, "four_elements", lambda name, a, at: check(name, a, at, 4))
    checked(lanes, "element", lambda name, a, at: check(name, a, at, 1))
    checked(lanes, "put_element", lambda name, a, at, value: check(name, a, at, 1))
    checked(vector, "nonzero_mask", lambda name, a, at: check(name, a, at, 64))
    checked(vector, "graded_mask", lambda name, a, at: check(name, a, at, 64))
    checked(vector, "put_bits", lambda name, a, at, mask: check(name, a, at, 64))
    checked(vector, "clear_row", lambda name, a, at, count: check(name, a, at, count))
    checked(
        vector, "copy_row",
        lambda name, to, at, source, begin, count: check(name, to, at, count),
        lambda name, to, at, source, begin, count: check(name, source, begin, count),
    )  # fmt: skip
    checked(
        vector, "stream_line",
        lambda name, to, at, source, begin, line: check_line(name, to, at + line * LINE // to.itemsize),
        lambda name, to, at, source, begin, line: check_line(name, source, begin + line * LINE // to.itemsize),
    )  # fmt: skip


class NoNegativeIndex(np.ndarray):
    """An array that does not count from its end."""

    def __getitem__(self, key):
        self._check(key)
        return super().__getitem__(key)

    def __setitem__(self, key, value):
        self._check(key)
        super().__setitem__(key, value)

    def _check(self, key):
        if isinstance(key, int | np.integer):
            check("index", self, key, 1)


rubbish = 0xFF  # NaN, and -1


def fill_with_rubbish(array):
    """Fill the bytes of an array."""
    array.view(np.uint8).reshape(-1)[:] = rubbish
    return array


def spoil_memory():
    """Let fresh memory hold rubbish, and lists of input spikes take no negative index."""
    empty, make_lists = memory.empty, spike_lists.make_lists

    def filled(*arguments):
        array = empty(*arguments)
        return fill_with_rubbish(array) if array.size else array

    memory.empty = filled
    spike_lists.make_lists = lambda *arguments: tuple(
        fill_with_rubbish(array).view(NoNegativeIndex) for array in make_lists(*arguments)
    )


US = 1e-6


def random_inputs(rng, n_time, n_batch, size, dtype):
    """Return inputs and synapse: jumps, or spikes of one of the forms through weights of one of the forms."""
    import scipy.sparse

    import bss2sim as b2

    way = rng.choice(["jumps", "bool", "graded", "sparse"])
    if way == "jumps":
        return rng.normal(20, 90, (n_time, n_batch, size)).astype(dtype), None
    n_input = int(rng.choice([1, 3, 63, 64, 65, 130]))
    spikes = rng.random((n_time, n_batch, n_input)) < rng.choice([0, 0.05, 0.4, 1])
    if rng.random() < 0.3:  # all in few steps, and of few inputs
        spikes[: n_time // 2], spikes[..., n_input // 3 :] = False, False
    weight = rng.normal(20, 60, (n_input, size)).astype(dtype)
    form = rng.choice(["packed", "packed", "sparse", "swept"])
    if form == "sparse":
        weight = scipy.sparse.csr_array(weight * (rng.random(weight.shape) < 0.3))
    if form == "swept":
        import xarray as xr

        weight = xr.DataArray(np.stack([weight, -weight]), dims=("sign", "input", "neuron"))
    if way == "sparse":
        trial, step, source = np.nonzero(spikes.transpose(1, 0, 2))
        spikes = b2.sparse_spikes(step * US, source, trial, n_batch=n_batch, duration=n_time * US)
    if way == "graded":
        spikes = spikes * rng.normal(1, 1, spikes.shape).astype(dtype)
    if way == "bool" and rng.random() < 0.5:  # a mask viewed as bool
        spikes = (spikes * np.uint8(255)).view(bool)
    return spikes, b2.Synapse(weight)


def random_run(rng):
    """Return a function that simulates a population, and returns arrays."""
    import bss2sim as b2

    size, n_time = int(rng.choice([1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65])), int(rng.choice([1, 3, 4, 5, 12]))
    dtype = rng.choice(["float32", "float64"])
    inputs, synapse = random_inputs(rng, n_time, int(rng.integers(1, 4)), size, dtype)
    firing = {"refractory_time": US * rng.integers(1, 4, size), "spike_mask": rng.random(size) < 0.8}
    firing["holdoff_time"] = firing["refractory_time"] * rng.choice([0, 0.5])
    tau = 8e-6 if rng.random() < 0.6 else (8e-6, 5e-6)
    kind = rng.choice(["IAFNeuron", "LIFNeuron", "LINeuron"])
    neurons = getattr(b2, kind)(size, tau_syn=tau, **(firing if kind != "LINeuron" else {}))
    spikes = rng.choice(["sparse", "dense", "count"]) if kind != "LINeuron" else None
    traces = rng.random(2) < 0.5
    order = rng.permutation(size)[: rng.integers(1, size + 1)] if rng.random() < 0.3 else None
    how = {
        "synapse": synapse, "integrator": rng.choice(["euler", "euler", "exact"]), "threads": int(rng.integers(1, 3)),
        "record": b2.Recording(spikes, *map(bool, traces), neuron=order), "return_state": True,
    }  # fmt: skip
    if how["integrator"] == "euler":
        how["dtype"] = dtype
    return lambda: [array.values for result in b2.simulate(neurons, inputs, **how) for array in result.values()]


def random_training(rng):
    """Return a function that runs a population and its gradients, and returns arrays."""
    import torch

    from bss2sim.torch import iaf, li, lif

    size, n_time = int(rng.choice([1, 2, 7, 8, 9, 15, 16, 17, 33])), int(rng.choice([1, 3, 4, 5, 15, 16, 17, 40]))
    shape, dtype = (n_time, int(rng.choice([1, 1, 2, 3, 20])), size), rng.choice(["float32", "float64"])
    n_input = int(rng.choice([0, 1, 3, 4, 5, 63, 64, 65]))
    leaves = {"leaf": torch.from_numpy(rng.normal(0.2, 0.6, (n_input or n_time, size)).astype(dtype))}
    model = [iaf, lif, li][rng.integers(3)]
    kept = {} if rng.random() < 0.4 else {"checkpoint": int(rng.integers(1, 20))}
    if model is not li:
        leaves["threshold"] = torch.full((size,), 1.0, dtype=torch.float64)
        kept |= {"reset": 0.0, "refractory_time": torch.from_numpy(US * rng.integers(1, 4, size)), "holdoff_time": US}
    if rng.random() < 0.3:
        kept["measured_membrane"] = torch.from_numpy(rng.normal(0, 1, (n_time + 1, *shape[1:])).astype(dtype))
    spikes = torch.from_numpy((rng.random((*shape[:2], n_input)) < rng.choice([0, 0.1, 1])).astype(dtype))
    if rng.random() < 0.3:
        spikes = spikes * 1.5
    elif rng.random() < 0.5:
        spikes = spikes.to_sparse()
    gradients = [torch.from_numpy(rng.normal(size=shape).astype(dtype)) for _ in range(2)]
    of_inputs = n_input > 0 and spikes.layout == torch.strided and rng.random() < 0.5

    def run():
        own = {name: leaf.clone().requires_grad_() for name, leaf in leaves.items()}
        x, weight = own.pop("leaf"), None
        wanted = [x, *own.values()]
        if n_input:
            inputs, weight = spikes.clone().requires_grad_(of_inputs), x
            wanted += [inputs] if of_inputs else []
        else:
            inputs = x[:, None].expand(shape)
        found = model(inputs, weight, **own, **kept)[-2:]
        rows = len(found[0])
        given = [g[:rows] for g in gradients]
        found = (*found, *torch.autograd.grad(found, wanted, given, allow_unused=True))
        return [tensor.detach().numpy() for tensor in found if tensor is not None]

    return run


@cache
def calibrated(kind, size):
    """Return a population, a chip, and the calibration of one for the other."""
    import bss2sim as b2

    neurons, chip = getattr(b2, kind)(size), b2.EmulatedChip(seed=7)
    return neurons, chip, b2.calibrate(chip, b2.NeuronCalibTarget.from_populations([neurons]))


def random_experiment(rng):
    """Return a function that runs a population on a chip, and returns arrays."""
    import bss2sim as b2

    size, n_input, n_batch = int(rng.choice([1, 8, 16, 17, 65])), int(rng.choice([1, 64, 65])), int(rng.integers(1, 4))
    n_time = int(rng.choice([1, 5, 30]))
    neurons, chip, calibration = calibrated(rng.choice(["IAFNeuron", "LIFNeuron", "LINeuron"]), size)
    spikes = rng.random((n_time, n_batch, n_input)) < 0.1
    if rng.random() < 0.3:
        trial, step, source = np.nonzero(spikes.transpose(1, 0, 2))
        spikes = b2.sparse_spikes(step * US, source, trial, n_batch=n_batch, duration=n_time * US)
    how = {
        "synapse": b2.Synapse(rng.integers(-20, 40, (n_input, size))), "chip": chip, "threads": int(rng.integers(1, 3)),
        "calibration": calibration,
        "start": rng.choice(["reset", "drifted", "carried"]),
    }  # fmt: skip
    return lambda: [array.values for array in b2.simulate(neurons, spikes, **how).values()]


def main(n_case, room):
    """Run cases of each kind; `room` "less": with lists of input spikes that are too short."""
    global rubbish
    check_everything()
    spoil_memory()
    if room == "less":
        spike_lists._room = lambda total, most: total
    np.seterr(all="ignore")
    for make in (random_training, random_run, random_experiment):
        for seed in range(n_case):
            run = make(np.random.default_rng(seed))
            try:
                rubbish = 0xFF
                first = run()
                rubbish = 0x11
                second = run()
            except (Beyond, IndexError) as reason:
                sys.exit(f"{make.__name__} {seed}: {type(reason).__name__}: {reason}")
            for a, b in zip(first, second, strict=True):
                if a.tobytes() != b.tobytes():
                    sys.exit(f"{make.__name__} {seed}: the result depends on what was in the memory before")
    print(f"{n_case} cases of each kind, {checks} accesses checked")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
