"""Who plays in the stories? Always the same: Alice proposes, Bob approves, Mallory may not."""

from __future__ import annotations

from crs.kernel.actor import Actor, machine

ALICE = Actor("person", "alice")
BOB = Actor("person", "bob")
MALLORY = Actor("person", "mallory")
WORKER = machine("worker")
