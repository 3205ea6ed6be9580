"""The API document put to the proof: every operation of a running platform called with data the document allows and forbids."""
