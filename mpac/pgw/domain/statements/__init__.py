"""Providers' statements: files of lines about money, read as a stream, exactly or not at all."""
