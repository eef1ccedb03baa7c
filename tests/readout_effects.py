"""Effects of readouts for tests."""

READOUT_EFFECTS = (
    "trial_offset", "membrane_noise", "read_noise", "channel_offset", "channel_gain", "sample_jitter", "clock_offset",
    "quantisation", "spike_delay", "spike_jitter", "spike_resolution",
)  # fmt: skip
ON = dict.fromkeys(READOUT_EFFECTS, 1.0)
OFF = dict.fromkeys(READOUT_EFFECTS, 0.0)
