"""The gateway's rules of state, time and identity: plain Python, no framework, no clock."""
