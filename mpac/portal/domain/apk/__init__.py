"""Reading Android packages, as strictly as a terminal does and a little more: see `inspection`."""
