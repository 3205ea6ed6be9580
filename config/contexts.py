"""The one table of bounded contexts: name, database alias and task queue. Settings, routing, commands and tests read it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """A bounded context. Its schema, application label and runtime role (`mpac_<name>`) all follow from the name."""

    name: str
    alias: str
    queue: str

    @property
    def config(self) -> str:
        return f"mpac.{self.name}.apps.{self.name.capitalize()}Config"


CONTEXTS: tuple[Context, ...] = (
    Context(name="portal", alias="default", queue="portal"),
    Context(name="audit", alias="audit", queue="audit"),
    Context(name="pgw", alias="pgw", queue="pgw"),
    Context(name="smarttab", alias="smarttab", queue="smarttab"),
    Context(name="sync", alias="sync", queue="sync"),
)
