"""The same work by PyTorch and SpikingJelly on a GPU, for ``cuda_table.py``; each is left out where it is not installed."""

from collections.abc import Callable

import numpy as np

import bss2sim as b2

COMPILED_STEPS = 10  # torch.compile writes the loop out, and takes minutes for a hundred steps


def find_torch() -> tuple[object, str]:
    """Return PyTorch if it finds the GPU, else None and why."""
    try:
        import torch
    except ImportError:
        return None, "PyTorch is not installed"
    return (torch, "") if torch.cuda.is_available() else (None, "PyTorch finds no GPU")


def timed(torch: object, best: Callable, call: Callable[[], object]) -> float:
    """Shortest time of a call [s], up to the end of what it queues."""

    def run() -> None:
        with torch.no_grad():
            call()
        torch.cuda.synchronize()

    return best(run)


def product_then_kernel(
    torch: object, table: object, best: Callable, spikes: np.ndarray, weight: np.ndarray, neurons: b2.IAFNeuron
) -> object:
    """Measure a product of the library, and with the fused kernel after it; returns the jumps on the GPU."""
    inputs, matrix = torch.from_numpy(spikes.astype(np.float32)).cuda(), torch.from_numpy(weight).cuda()
    work = spikes.shape[0] * spikes.shape[1] * weight.shape[1]

    options = {"integrator": "euler", "device": "cuda", "record": b2.Recording(spikes="count")}
    plain = torch.from_numpy(spikes).cuda()

    def fused() -> object:
        return b2.simulate(neurons, inputs @ matrix, **options)

    def gathered() -> object:
        return b2.simulate(neurons, plain, synapse=b2.Synapse(weight), **options)

    product = timed(torch, best, lambda: inputs @ matrix)
    table.row("the product of PyTorch alone, spikes on the GPU", product, product, work)
    torch.cuda.empty_cache()
    table.add("the product, then the fused kernel, spike counts", work, fused, lambda _: "kernels: without the product")
    table.add("gathered weights in the fused kernel, spikes on the GPU, spike counts", work, gathered)
    return (inputs @ matrix).contiguous()


def loop(torch: object, table: object, best: Callable, x: object) -> None:
    """Measure the plain loop of PyTorch."""
    from cases import torch_loop

    torch.set_default_device("cuda")
    try:
        time = timed(torch, best, lambda: torch_loop(x))
    finally:
        torch.set_default_device("cpu")
    table.row("PyTorch loop, v, i and spikes", None, time, x.numel())


def compiled_loop(torch: object, table: object, best: Callable, x: object) -> None:
    """Measure some steps of the loop, compiled; it may take a minute to compile."""
    from cases import torch_loop

    some = x[:COMPILED_STEPS].contiguous()
    torch.set_default_device("cuda")
    try:
        compiled = torch.compile(torch_loop)
        time = timed(torch, best, lambda: compiled(some))
    except Exception as error:  # it has many ways to fail, and the table goes on
        print(f"| (torch.compile: {type(error).__name__}) | | | | |")
        return
    finally:
        torch.set_default_device("cpu")
    table.row(f"the same, torch.compile, {COMPILED_STEPS} steps", None, time, some.numel())


def spiking_jelly(torch: object, table: object, best: Callable, x: object) -> None:
    """Measure the integrate-and-fire neuron of SpikingJelly: no current, no refractory period, spikes alone."""
    try:
        from spikingjelly.activation_based import functional, neuron

        node = neuron.IFNode(step_mode="m").cuda()
        backend = "its own"
        if "cupy" in getattr(node, "supported_backends", ()):
            node.backend = backend = "cupy"

        def run() -> None:
            functional.reset_net(node)
            node(x)

        time = timed(torch, best, run)
    except Exception as error:  # not installed, or without what its backend needs
        print(f"| (SpikingJelly: {type(error).__name__}: {str(error)[:80]}) | | | | |")
        return
    table.row(f"SpikingJelly, IFNode (simpler), backend {backend}", None, time, x.numel())
