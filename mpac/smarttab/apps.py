"""Wiring of the smarttab context."""

from kernel.apps import ContextConfig


class SmarttabConfig(ContextConfig):
    name = "mpac.smarttab"
    label = "smarttab"
