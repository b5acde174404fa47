"""Matching as pure functions; `CODE_VERSION` names what computed a run (R-MATCH-5)."""

CODE_VERSION = "matching-3"
