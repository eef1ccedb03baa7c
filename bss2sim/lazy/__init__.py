"""Runs of chunked arguments: cut into blocks of trials, each a run of its own with the same bits."""
