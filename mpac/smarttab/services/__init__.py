"""Writes: one use-case family a file, one transaction a public function."""
