"""Rules of orders, bills and payments in plain Python: no Django, no clock, no input or output."""
