"""Stems on their way to disk: their names, their files and the record of how they were made."""
