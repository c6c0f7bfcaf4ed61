"""Separate recordings: the order, the plan, one recording, and a batch."""
