"""The command layer: options in, results printed, errors turned into exit codes."""
