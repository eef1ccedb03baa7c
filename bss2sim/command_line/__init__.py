"""Commands of ``python -m bss2sim``: their options, and what they read from files."""
