"""The disk of this machine: folders, temporary files, files that appear whole or not at all."""
