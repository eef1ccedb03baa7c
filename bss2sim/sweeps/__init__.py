"""Runs that are streamed into a Zarr store, block by block, and resumed."""
