"""Compiled kernels: pure rules, and the loops that run them. They see only ndarrays and numbers."""
