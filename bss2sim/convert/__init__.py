"""Runs and networks in the formats of other packages, and back: pandas, Neo, tonic, NIR.

A conversion loses nothing: what the other format has no place for is refused by name. ``docs/exchange`` shows how to use them.
"""

from .events import from_events as from_events
from .events import to_events as to_events
from .frames import from_pandas as from_pandas
from .frames import to_pandas as to_pandas
from .neo_read import from_neo as from_neo
from .neo_write import to_neo as to_neo
from .nir_read import from_nir as from_nir
from .nir_write import to_nir as to_nir

__all__ = ["to_pandas", "from_pandas", "to_neo", "from_neo", "to_events", "from_events", "to_nir", "from_nir"]
