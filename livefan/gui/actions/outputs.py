"""Actions that start and stop outputs to other programs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from livefan.gui.action_context import Action, ActionContext
from livefan.outputs.output_group import make_output


@dataclass(frozen=True)
class SwitchOutput(Action):
    """Start or stop the output to an address."""

    address: str
    on: bool = True

    def act(self, context: ActionContext) -> None:
        """Open or close the output, in a thread."""
        outputs = context.player.outputs
        if self.on:
            make_output(self.address)  # a wrong address is an error at once
            outputs.open(self.address)
        else:
            outputs.close_one(self.address)


@dataclass(frozen=True)
class AddOutput(Action):
    """Ask for an address and send to it."""

    address: str = ""

    def ask(self, context: ActionContext) -> Self | None:
        """Ask for the address."""
        address = context.dialogs.enter_output()
        return replace(self, address=address) if address else None

    def act(self, context: ActionContext) -> None:
        """Open the output, in a thread."""
        SwitchOutput(self.address).act(context)
