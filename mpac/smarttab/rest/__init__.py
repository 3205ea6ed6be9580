"""Smarttab's HTTP entrances: parse, call one service, render."""
