"""Stand-ins for the parties outside MPAC: a bank, its customers, and a terminal.

Everything here is written against the published protocols alone and shares no code with the platform: an error
in the platform's reading of a protocol must not repeat itself in the thing that is meant to find it.
"""
